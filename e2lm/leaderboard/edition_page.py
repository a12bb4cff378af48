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

from e2lm.codabench.edition import Edition, read_edition
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
CURRENCY = "USD"
# What the dates of an edition are called on its page.
DATE_TITLES = {
    "warm_up": "Warm-up",
    "development": "Development",
    "final": "Final",
    "results": "Results",
    "fact_sheets": "Fact sheets and code of the winners",
}


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

    title: Line = "Early training evaluation"
    short_name: Line | None = None
    motto: Line | None = None
    conference: Line | None = None
    registration: Address | None = None
    discussion: Address | None = None
    proposal: Address | None = None
    links: dict[Line, Address] = {}  # further ones: what it is -> address
    overview: str = ""  # paragraphs, with empty lines between them
    announcements: tuple[Announcement, ...] = ()
    special_prizes: tuple[SpecialPrize, ...] = ()
    organizers: dict[Line, tuple[Line, ...]] = {}  # affiliation -> names
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

    page: Page
    year: int
    phases: tuple[Moment, ...]
    moments: tuple[Moment, ...]  # single days after the phases
    workshop: str  # its date in words; "" where there is none
    prizes: tuple[int, ...]  # by rank, the best first
    student_prizes: tuple[int, ...]
    currency: str
    logos: dict[str, str]  # name of an institution -> data URL

    @property
    def prize_total(self) -> int:
        """All amounts together, those of special prizes included."""
        special = sum(one.amount or 0 for one in self.page.special_prizes)
        return sum(self.prizes) + sum(self.student_prizes) + special

    @property
    def paragraphs(self) -> list[str]:
        """The overview, a text for each paragraph."""
        return [" ".join(part.split()) for part in self.page.overview.split("\n\n") if part.strip()]

    @property
    def links(self) -> dict[str, str]:
        """What it is -> address, of every link at the top of the page."""
        page = self.page
        named = {"Register": page.registration, "Discussion": page.discussion, "Proposal": page.proposal}
        return {name: address for name, address in named.items() if address} | page.links

    @property
    def news(self) -> list[Announcement]:
        """The announcements, the latest first."""
        return sorted(self.page.announcements, key=lambda one: one.date, reverse=True)


def read_home(path: Path) -> Home:
    """What edition.yaml says for the home page. Raises OrganizerError, one line with the key and the remedy."""
    edition = read_edition(path)
    page = _read_page(edition.page, path)
    phases, moments = _timeline(edition)
    return Home(
        page=page,
        year=edition.year,
        phases=phases,
        moments=moments,
        workshop=edition.dates.workshop,
        prizes=edition.prizes.teams,
        student_prizes=edition.prizes.students,
        currency=CURRENCY,
        logos={one.name: _embedded(one.logo, path) for one in page.institutions if one.logo},
    )


def find_edition_file(given: Path | None) -> Path | None:
    """The edition.yaml that was given, or that of the working directory or of the nearest folder above; None: none."""
    if given is not None:
        return given / "edition.yaml" if given.is_dir() else given
    here = Path.cwd()
    return next((path for folder in (here, *here.parents) if (path := folder / "edition.yaml").is_file()), None)


def _timeline(edition: Edition) -> tuple[tuple[Moment, ...], tuple[Moment, ...]]:
    """The phases, and the single days after them."""
    days = edition.dates.moments
    phases = tuple(
        Moment(DATE_TITLES[name], days[name], date.fromordinal(days[name].toordinal() + length - 1))
        for name, length in edition.dates.phase_days.items()
    )
    later = tuple(Moment(DATE_TITLES[name], days[name], days[name]) for name in ("results", "fact_sheets"))
    return phases, later


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
