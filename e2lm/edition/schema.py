"""The keys of edition.yaml, and what follows from them: days of phases, totals of submissions, of prizes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Annotated, Self
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from e2lm_ingestion.forecast.hardware import KINDS
from e2lm_scoring.columns import BY_KEY, COLUMNS
from e2lm_scoring.file_names import SCORES

MOST_HOURS = 168  # of a step: whoever writes more means minutes or seconds
STARTING = 1800  # seconds of a step reserved for the image, the last checkpoint and the upload
# Codabench's leaderboard shows these columns, as far as the suite can fill them, unless `columns` names others.
IMAGE = r"^[\w./:@-]+$"  # the name of an image, with its registry and tag
USUAL_COLUMNS: tuple[str, ...] = (
    *("score", "sq", "rc", "cs"),
    *("monotonicity", "snr", "tau_last", "items", "minutes", "improvement_z", "eligible"),
)


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
Amount = Annotated[int, Field(gt=0)]  # in the currency of the prizes


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def day_text(day: date) -> str:
    """A date as pages write it.

    >>> day_text(date(2031, 8, 1))
    '1 August'
    """
    return f"{day.day} {day:%B}"


class Phase(_Strict):
    """A phase: it begins at midnight UTC of `start` and ends when the next one begins, or at the end of day `end`."""

    name: Line
    start: date
    end: date | None = None  # the last day; only the last phase needs it
    description: Line
    submissions_a_day: int | None = Field(default=None, gt=0)  # else the one of limits
    submissions: int | None = Field(default=None, gt=0)  # in the whole phase; else the daily limit times the days
    step_hours: int | None = Field(default=None, gt=0, le=MOST_HOURS)  # else the one of limits
    migrate: bool = False  # carry over the best submission of the phase before


class Dates(_Strict):
    """Dates after the last phase."""

    results: date
    fact_sheets: date | None = None  # winners' fact sheets and code
    workshop: date | Line | None = None  # a date, or a text such as 6 or 7 December

    @property
    def workshop_text(self) -> str:
        """The workshop's date as pages write it; "" where there is none."""
        return day_text(self.workshop) if isinstance(self.workshop, date) else self.workshop or ""


class Limits(_Strict):
    """Limits per team and per step, of every phase that has none of its own."""

    submissions_a_day: int = Field(gt=0)
    step_hours: int = Field(gt=0, le=MOST_HOURS)


class Worker(_Strict):
    """The devices that compute a submission: `e2lm check` forecasts the time on them."""

    gpu: str = "H100"
    gpus: int = Field(default=1, gt=0)

    @field_validator("gpu")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if value not in KINDS:
            raise ValueError(f"no figures for {value!r}; choose the most similar of {', '.join(KINDS)}")
        return value


class Prizes(_Strict):
    """Prizes by rank, the amount for the best team first."""

    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")
    teams: tuple[Amount, ...] = ()
    students: tuple[Amount, ...] = ()

    @property
    def total(self) -> int:
        """All amounts together."""
        return sum(self.teams) + sum(self.students)


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
class PhaseSpan:
    """A phase with what follows from its neighbors and from the limits."""

    name: str
    description: str
    first_day: date
    last_day: date
    start: str  # the moments that Codabench reads, UTC
    end: str
    days: int
    submissions_a_day: int
    submissions: int
    step_hours: int
    migrate: bool


class Edition(_Strict):
    """edition.yaml."""

    title: Line
    short_name: Line
    motto: Line
    year: int = Field(ge=2000, le=2100)
    other_years: tuple[int, ...] = ()  # further years in which its dates lie, or that its pages mention
    conference: Line
    hosts: tuple[Line, ...] = Field(min_length=1)
    organizers: dict[Line, tuple[Line, ...]] = Field(min_length=1)  # affiliation -> names
    links: dict[Line, Address] = {}  # what it is -> address
    models: str = ""  # a paragraph about the models, for participants
    evaluation_note: str = ""  # a paragraph for the page about the scores
    logo: str = Field(default="", pattern=r"^$|\.(png|jpg|jpeg|gif|webp)$")  # beside edition.yaml
    suite: str  # on which uploads are scored
    released_suite: str | None = None  # what participants can run of it
    image: str = Field(max_length=128, pattern=IMAGE)
    queue: UUID | None = None
    phases: tuple[Phase, ...] = Field(min_length=1)
    dates: Dates
    prizes: Prizes = Prizes()
    limits: Limits
    worker: Worker = Worker()
    columns: tuple[str, ...] | None = None
    page: Page = Page()

    @property
    def full_title(self) -> str:
        """Short name and title, as Codabench shows them."""
        return f"{self.short_name}: {self.title}"

    @property
    def people(self) -> tuple[str, ...]:
        """The names of all organizers."""
        return tuple(name for names in self.organizers.values() for name in names)

    @property
    def spans(self) -> tuple[PhaseSpan, ...]:
        """The phases with their moments, days and totals."""
        following = [phase.start for phase in self.phases[1:]]
        return tuple(
            self._span(phase, following[index] if index < len(following) else None, is_first=index == 0)
            for index, phase in enumerate(self.phases)
        )

    @property
    def sweep_minutes(self) -> int:
        """Minutes that a sweep may take: those of the shortest step, without the time for the image and the upload."""
        return (min(span.step_hours for span in self.spans) * 3600 - STARTING) // 60

    def dated(self) -> Iterator[tuple[str, date]]:
        """Every date with its place in the file."""
        for phase in self.phases:
            yield f"phases: {phase.name}: start", phase.start
            if phase.end is not None:
                yield f"phases: {phase.name}: end", phase.end
        for name in ("results", "fact_sheets", "workshop"):
            day = getattr(self.dates, name)
            if isinstance(day, date):
                yield f"dates: {name}", day

    def _span(self, phase: Phase, following: date | None, *, is_first: bool) -> PhaseSpan:
        last = phase.end
        touches = following is not None and (last is None or (following - last).days == 1)
        if last is None:
            assert following is not None
            last = date.fromordinal(following.toordinal() - 1)
        days = (last - phase.start).days + 1
        daily = phase.submissions_a_day or self.limits.submissions_a_day
        return PhaseSpan(
            name=phase.name,
            description=phase.description,
            first_day=phase.start,
            last_day=last,
            start=f"{phase.start} 00:00:0{0 if is_first else 1}",
            end=f"{following} 00:00:00" if touches else f"{last} 23:59:59",
            days=days,
            submissions_a_day=daily,
            submissions=phase.submissions or daily * days,
            step_hours=phase.step_hours or self.limits.step_hours,
            migrate=phase.migrate,
        )

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        for check in (self._phase_problems, self._date_problems, self._total_problems, self._column_problems):
            for problem in check():
                raise ValueError(problem)
        return self

    def _phase_problems(self) -> Iterator[str]:
        names = [phase.name for phase in self.phases]
        if twice := next((name for name in names if names.count(name) > 1), None):
            yield f"phases: two are named {twice}; give each a name of its own"
        if self.phases[0].migrate:
            yield f"phases: {names[0]}: migrate: nothing comes before the first phase; remove it"
        if self.phases[-1].end is None:
            yield f"phases: {names[-1]}: end is missing; the last phase needs its last day"
        for phase in self.phases:
            if phase.end is not None and phase.end < phase.start:
                yield f"phases: {phase.name}: end ({phase.end}) is before start ({phase.start}); correct one of them"
        for before, after in pairwise(self.phases):
            if after.start <= (before.end or before.start):
                yield (
                    f"phases: {after.name} starts on {after.start}, which is not after {before.name} "
                    f"({before.start}{f' to {before.end}' if before.end else ''}); correct one of them"
                )

    def _date_problems(self) -> Iterator[str]:
        last = self.phases[-1]
        ordered = [(place, day) for place, day in self.dated() if place.startswith("dates: ")]
        for (before, earlier), (after, later) in pairwise([(f"phases: {last.name}: end", last.end), *ordered]):
            if earlier is not None and later is not None and later <= earlier:
                yield f"{after} ({later}) is not after {before} ({earlier}); correct one of them"
        years = {self.year, *self.other_years}
        for place, day in self.dated():
            if day.year not in years:
                yield (
                    f"{place} ({day}) is not in {self.year}, the year of this edition; correct the date or year, or, "
                    f"where the edition crosses a new year, write other_years: [{day.year}]"
                )

    def _total_problems(self) -> Iterator[str]:
        for name, amounts in (("teams", self.prizes.teams), ("students", self.prizes.students)):
            if list(amounts) != sorted(amounts, reverse=True):
                yield f"prizes: {name}: the best gets the first amount, and a later one is higher; order them"
        for span in self.spans:
            most = span.submissions_a_day * span.days
            if span.submissions > most:
                fits = f"{span.submissions_a_day} a day on {span.days} days are {most}"
                yield (
                    f"phases: {span.name}: submissions: {span.submissions} do not fit: {fits}; remove the key, which "
                    f"gives that total, or write at most {most}"
                )

    def _column_problems(self) -> Iterator[str]:
        columns = self.columns or ()
        for key in columns:
            known = BY_KEY.get(key)
            if known is None:
                yield f"columns: {key} is not a column of {SCORES}; choose of {', '.join(c.key for c in COLUMNS)}"
            elif known.tasks:
                yield f"columns: {key} is missing for some tasks, and Codabench would sort their rows on top; remove it"
        if len(set(columns)) != len(columns):
            yield "columns: a column stands twice; keep one"
