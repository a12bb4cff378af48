"""The facts of the competition's home page: those under `page` in edition.yaml, and its phases, dates and prizes."""

from __future__ import annotations

import base64
import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Annotated, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from e2lm.edition.reader import read_edition
from e2lm.edition.schema import Edition
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


def _one_line(value: str) -> str:
    if not value.strip() or not value.isprintable():
        raise ValueError("empty, or with line breaks or control characters; write one line of text")
    return value.strip()


def _address(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = bool(parts.hostname) if parts.scheme in {"http", "https"} else parts.scheme == "mailto"
    except ValueError:
        usable = False
    if not usable or not value.isprintable() or " " in value:
        raise ValueError(f"{value[:80]!r} is not an address; write one that begins with https://, http:// or mailto:")
    return value


Line = Annotated[str, AfterValidator(_one_line)]
Address = Annotated[str, AfterValidator(_address)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Announcement(_Strict):
    """News with its day."""

    date: date
    text: Line
    link: Address | None = None


class SpecialPrize(_Strict):
    """A prize beside those of the ranking."""

    name: Line
    amount: int | None = Field(default=None, gt=0)  # in the currency of the prizes
    text: Line | None = None  # who gets it


class Institution(_Strict):
    """An institution behind the competition."""

    name: Line
    link: Address | None = None
    logo: Line | None = None  # an image file beside edition.yaml or in a folder there


class Page(_Strict):
    """The key `page` of edition.yaml. Every key may be missing: the page then says nothing about it."""

    registration: Address | None = None
    discussion: Address | None = None
    overview: str = ""  # paragraphs, with empty lines between them
    announcements: tuple[Announcement, ...] = ()
    special_prizes: tuple[SpecialPrize, ...] = ()
    institutions: tuple[Institution, ...] = ()


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
    page: Page
    phases: tuple[Moment, ...]
    moments: tuple[Moment, ...]  # single days after the phases
    logos: dict[str, str]  # name of an institution -> data URL

    @property
    def prize_total(self) -> int:
        """All amounts together, those of special prizes included."""
        special = sum(one.amount or 0 for one in self.page.special_prizes)
        return self.edition.prizes.total + special

    @property
    def paragraphs(self) -> list[str]:
        """The overview, a text for each paragraph."""
        return [" ".join(part.split()) for part in self.page.overview.split("\n\n") if part.strip()]

    @property
    def links(self) -> dict[str, str]:
        """What it is -> address, of every link at the top of the page."""
        page = self.page
        named = {"Register": page.registration, "Discussion": page.discussion}
        return {name: address for name, address in named.items() if address} | self.edition.links

    @property
    def news(self) -> list[Announcement]:
        """The announcements, the latest first."""
        return sorted(self.page.announcements, key=lambda one: one.date, reverse=True)


def read_home(path: Path) -> Home:
    """What edition.yaml says for the home page. Raises OrganizerError, one line with the key and the remedy."""
    edition = read_edition(path)
    page = _read_page(edition.page, path)
    return Home(
        edition=edition,
        page=page,
        phases=tuple(Moment(one.name, one.first_day, one.last_day, one.description) for one in edition.spans),
        moments=_later_days(edition),
        logos={one.name: _embedded(one.logo, path) for one in page.institutions if one.logo},
    )


def _later_days(edition: Edition) -> tuple[Moment, ...]:
    """The single days after the phases."""
    days = {"Results": edition.dates.results, "Fact sheets and code of the winners": edition.dates.fact_sheets}
    return tuple(Moment(name, day, day) for name, day in days.items() if day is not None)


def _read_page(content: object, path: Path) -> Page:
    try:
        return Page.model_validate(content)
    except ValidationError as error:
        # unknown keys first: one is often the misspelling of a missing one
        first = min(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
        location = ".".join(["page", *(str(part) for part in first["loc"])])
        message = " ".join(first["msg"].removeprefix("Value error, ").split())
        if first["type"] == "extra_forbidden":
            message = f"not a key of this file; {_remedy(first['loc'])}"
        raise OrganizerError(f"{path}: {location}: {message}") from None


def _remedy(location: Sequence[int | str]) -> str:
    """What to do about an unknown key: the key that was probably meant, or those that there are."""
    model: type[BaseModel] = Page
    for part in location[:-1]:
        if isinstance(part, str):
            model = get_args(model.model_fields[part].annotation)[0]
    close = difflib.get_close_matches(str(location[-1]), model.model_fields, n=1)
    return f"did you mean {close[0]}?" if close else f"choose one of {', '.join(model.model_fields)}"


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
