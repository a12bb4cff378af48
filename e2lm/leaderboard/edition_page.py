"""The facts of the competition's home page: those under `page` in edition.yaml, and its phases, dates and prizes."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath

from e2lm.edition.reader import read_edition
from e2lm.edition.schema import Announcement, Edition
from e2lm_ingestion.errors import OrganizerError

MEDIA_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".svg": "image/svg+xml",
}
MAX_LOGO = 500_000  # bytes of one logo: the page embeds it


@dataclass(frozen=True, slots=True)
class Moment:
    """A phase, or a single day after the last phase."""

    name: str
    first: date
    last: date
    text: str = ""


@dataclass(frozen=True, slots=True)
class Home:
    """What the home page shows."""

    edition: Edition
    phases: tuple[Moment, ...]
    moments: tuple[Moment, ...]  # single days after the phases
    logos: dict[str, str]  # name of an institution -> data URL

    @property
    def prize_total(self) -> int:
        """All amounts together, those of special prizes included."""
        special = sum(one.amount or 0 for one in self.edition.page.special_prizes)
        return self.edition.prizes.total + special

    @property
    def paragraphs(self) -> list[str]:
        """The overview, a text for each paragraph."""
        return [" ".join(part.split()) for part in self.edition.page.overview.split("\n\n") if part.strip()]

    @property
    def links(self) -> dict[str, str]:
        """What it is -> address, of every link at the top of the page."""
        page = self.edition.page
        named = {"Register": page.registration, "Discussion": page.discussion}
        return {name: address for name, address in named.items() if address} | self.edition.links

    @property
    def news(self) -> list[Announcement]:
        """The announcements, the latest first."""
        return sorted(self.edition.page.announcements, key=lambda one: one.date, reverse=True)


def read_home(path: Path) -> Home:
    """What edition.yaml says for the home page. Raises OrganizerError, one line with the key and the remedy."""
    edition = read_edition(path)
    return Home(
        edition=edition,
        phases=tuple(Moment(one.name, one.first_day, one.last_day, one.description) for one in edition.spans),
        moments=_later_days(edition),
        logos={one.name: _embedded(one.logo, path) for one in edition.page.institutions if one.logo},
    )


def _later_days(edition: Edition) -> tuple[Moment, ...]:
    """The single days after the phases."""
    days = {"Results": edition.dates.results, "Fact sheets and code of the winners": edition.dates.fact_sheets}
    return tuple(Moment(name, day, day) for name, day in days.items() if day is not None)


def _embedded(logo: str, path: Path) -> str:
    """The data URL of an image file, which must lie in the folder of edition.yaml."""
    place = f"{path}: page.institutions: logo {logo!r}"
    folder = path.resolve().parent
    file = (folder / logo).resolve()
    if PurePosixPath(logo).is_absolute() or not file.is_relative_to(folder):
        raise OrganizerError(f"{place}: outside of {folder}; copy the file there")
    media_type = MEDIA_TYPES.get(file.suffix.lower())
    if media_type is None:
        raise OrganizerError(f"{place}: not an image; give one of {', '.join(MEDIA_TYPES)}")
    try:
        content = file.read_bytes()
    except OSError as error:
        raise OrganizerError(f"{place}: unreadable ({error.strerror}); put the file beside edition.yaml") from None
    if len(content) > MAX_LOGO:
        raise OrganizerError(f"{place}: {len(content):,} bytes; the page embeds it, so at most {MAX_LOGO:,}")
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"
