"""Reads edition.yaml: dates, limits and prizes of an edition, which replace $names in competition.yaml and pages."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from pathlib import Path
from string import Template
from typing import Annotated, Any, Self
from uuid import UUID

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from e2lm.submissions.checks.hardware import KINDS, machine
from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.output_types.items import MAX_ITEMS, MIN_ITEMS
from e2lm_ingestion.unique_keys import UniqueKeyLoader

STARTING = 1800  # seconds of a step reserved for the image, the last checkpoint and the upload


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Dates(_Strict):
    """The first day of each phase, the last day of the last phase, and the dates after it, in order."""

    warm_up: date
    development: date
    final: date
    last_day: date  # of the last phase
    results: date
    fact_sheets: date
    workshop: str

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for (before, earlier), (after, later) in pairwise(self.moments.items()):
            if later <= earlier:
                raise ValueError(f"{after} ({later}) is not after {before} ({earlier}); correct one of them")
        return self

    @property
    def moments(self) -> dict[str, date]:
        """Every field that holds a single date."""
        return {name: value for name in type(self).model_fields if isinstance(value := getattr(self, name), date)}

    @property
    def phase_days(self) -> dict[str, int]:
        """Days of each phase: up to the first day of the next one, or up to and including `last_day`."""
        days = {}
        for (phase, first), (following, date_after) in pairwise(self.moments.items()):
            is_last = following == "last_day"
            days[phase] = (date_after - first).days + is_last
            if is_last:
                break
        return days


class Limits(_Strict):
    """Limits per team and per step."""

    submissions_a_day: int = Field(gt=0)
    step_hours: int = Field(gt=0)


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


Amount = Annotated[int, Field(gt=0)]  # USD


class Prizes(_Strict):
    """Prizes by rank, the amount for the best team first."""

    teams: tuple[Amount, ...]
    students: tuple[Amount, ...]

    @property
    def total(self) -> int:
        """All amounts together."""
        return sum(self.teams) + sum(self.students)

    @property
    def table(self) -> str:
        """A Markdown table."""
        rows = [(f"{rank}", amount) for rank, amount in enumerate(self.teams, 1)]
        rows += [(f"student award {rank}", amount) for rank, amount in enumerate(self.students, 1)]
        return "\n".join(["| rank | prize |", "|---|---|", *(f"| {name} | {amount:,} USD |" for name, amount in rows)])


class Edition(_Strict):
    """edition.yaml."""

    year: int
    suite: str
    image: str = Field(max_length=128)
    queue: UUID | None = None
    dates: Dates
    prizes: Prizes
    limits: Limits
    worker: Worker = Worker()
    page: dict[str, Any] = {}  # e2lm/leaderboard/edition_page.py reads it

    @property
    def sweep_minutes(self) -> int:
        """Minutes that a sweep may take: those of a step, without what is reserved for the image and the upload."""
        return (self.limits.step_hours * 3600 - STARTING) // 60

    def names(self) -> dict[str, str]:
        """The value of every $name in competition.yaml and the pages."""
        dates, daily = self.dates, self.limits.submissions_a_day
        days = {name: f"{day:%d} {day:%B}" for name, day in dates.moments.items()}
        return {
            "year": str(self.year),
            "image": self.image,
            "workshop": dates.workshop,
            **{name: day.isoformat() for name, day in dates.moments.items()},
            **{f"{name}_day": day for name, day in days.items()},
            **{f"{name}_submissions": str(daily * length) for name, length in dates.phase_days.items()},
            "submissions_a_day": str(daily),
            "prize_total": f"{self.prizes.total:,}",
            "prize_table": self.prizes.table,
            "step_hours": str(self.limits.step_hours),
            "step_seconds": str(self.limits.step_hours * 3600),
            "sweep_minutes": str(self.sweep_minutes),
            "worker": machine(self.worker.gpu, self.worker.gpus).label,
            "min_items": f"{MIN_ITEMS:,}",
            "max_items": f"{MAX_ITEMS:,}",
        }


def read_edition(path: Path) -> Edition:
    """Read edition.yaml. Raises OrganizerError, one line with the key and the remedy."""
    try:
        return Edition.model_validate(yaml.load(path.read_text(encoding="utf-8"), UniqueKeyLoader))
    except FileNotFoundError:
        raise OrganizerError(
            f"{path}: there is no such file; it holds the edition's dates, limits and prizes"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise OrganizerError(f"{path}: not a readable text file: {error}") from None
    except yaml.YAMLError as error:
        raise OrganizerError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        first = min(
            error.errors(), key=lambda problem: problem["type"] != "extra_forbidden"
        )  # an unknown key is often the misspelling of a missing one
        location = ".".join(str(part) for part in first["loc"]) or "the file"
        raise OrganizerError(f"{path.name}: {location}: {first['msg'].removeprefix('Value error, ')}") from None
    except ValueError as error:  # a date that does not exist
        raise OrganizerError(f"{path}: not YAML: {error}; put a text that looks like a date in quotes") from None


def filled_in(text: str, edition: Edition, name: str) -> str:
    """The text of a file with every $name replaced. Raises OrganizerError for an unknown $name."""
    try:
        return Template(text).substitute(edition.names())
    except KeyError as error:
        known = ", ".join(sorted(edition.names()))
        raise OrganizerError(f"{name}: ${error.args[0]} is not a name of this edition; choose one of {known}") from None
    except ValueError as error:
        raise OrganizerError(
            f"{name}: a dollar sign without a name after it ({error}); write a currency such as USD instead"
        ) from None
