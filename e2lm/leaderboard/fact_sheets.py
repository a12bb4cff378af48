"""Reads entries.yaml or entries.json: the team and fact sheet of each run.

`e2lm codabench fetch` writes the JSON. Most of it is text of participants: an invalid text or address is made harmless
rather than refused, so that one team cannot stop the leaderboard.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    ValidationError,
    model_validator,
)

from e2lm_ingestion.errors import OrganizerError, SubmissionError
from e2lm_ingestion.task.strict_yaml import read_yaml
from e2lm_scoring.one_line import one_line

FROM_CODABENCH = frozenset({"codabench_id", "phase", "status", "scores"})  # ignored


def _cut_at(limit: int, *, lines: bool = False) -> Callable[[str], str]:
    def harmless(text: str) -> str:
        shown = "\n".join(map(one_line, text.split("\n"))).strip() if lines else one_line(text)
        return shown if len(shown) <= limit else shown[: limit - 1] + "…"

    return harmless


Line = Annotated[str, AfterValidator(_cut_at(200))]
Reason = Annotated[str, AfterValidator(_cut_at(5000))]
Text = Annotated[str, AfterValidator(_cut_at(5000, lines=True))]


def _day(value: object) -> str:
    """The day of a moment in ISO 8601; "" where it is none."""
    try:
        return date.fromisoformat(str(value)[:10]).isoformat()
    except ValueError:
        return ""


def _finite(value: object) -> float | None:
    """A finite number, or else none."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None  # type: ignore[arg-type]


class FactSheet(BaseModel):
    """One run's team and fact sheet; every field may be missing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    team: Line = ""
    owner: Line = ""  # the account on Codabench
    student: bool = False  # declared by the team: its members are students
    method: Text = ""
    data_sources: Text = ""
    code_url: Line = ""
    license: Line = Field(default="", validation_alias="licence")
    compute: Text = ""
    blocking: dict[str, Reason] = Field(default_factory=dict)  # findings of the organizers: kind, and the reason
    cleared: dict[str, Reason] = Field(default_factory=dict)  # findings that block no prize: kind, and the reason
    created: Annotated[str, BeforeValidator(_day)] = ""  # day of the submission, YYYY-MM-DD
    score: Annotated[float | None, BeforeValidator(_finite)] = None  # on Codabench, before a rerun
    not_ranked: Reason = ""  # the reason not to rank it, such as being a baseline

    @model_validator(mode="before")
    @classmethod
    def _only_what_is_used(cls, value: Any) -> Any:  # noqa: ANN401 (what YAML holds)
        if isinstance(value, dict):
            return {key: inner for key, inner in value.items() if key not in FROM_CODABENCH}
        return value

    @property
    def code_link(self) -> str | None:
        """The address of the code if it is an http or https URL, else None: it is then shown as text."""
        try:
            parts = urlsplit(self.code_url)
            usable = parts.scheme in {"http", "https"} and bool(parts.hostname)
        except ValueError:
            return None
        return self.code_url if usable and not any(character.isspace() for character in self.code_url) else None


class _FactSheets(RootModel[dict[str, FactSheet]]):
    """Entries by the name of the run's folder."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    for key, value in pairs:
        if key in seen:
            raise ValueError(f"{key[:80]!r} stands twice; keep one")
        seen[key] = value
    return seen


def load_fact_sheets(path: Path) -> dict[str, FactSheet]:
    """Entries by the name of the run's folder. Raises OrganizerError naming the file, the run and the field."""
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".json":
            content = json.loads(text, object_pairs_hook=_once)
        else:
            content = read_yaml(text, str(path), max_characters=None)
    except OSError as error:
        raise OrganizerError(f"{path}: unreadable ({error.strerror}); give a file of entries") from None
    except SubmissionError as error:  # of YAML; it names the file and the line
        raise OrganizerError(f"{error}; docs/ranking.md has the format") from None
    except (ValueError, RecursionError) as error:
        raise OrganizerError(f"{path}: {' '.join(str(error).split())}; docs/ranking.md has the format") from None
    try:
        return _FactSheets.model_validate(content).root
    except ValidationError as error:
        first = error.errors()[0]
        location = ".".join(str(part) for part in first["loc"]) or "the file"
        raise OrganizerError(f"{path}: {location}: {first['msg']}; docs/ranking.md has the format") from None
