"""summary.json: what a leaderboard needs of a scored run, so that ranking hundreds of runs reads no results again."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from e2lm_scoring.errors import OrganizerError
from e2lm_scoring.evaluation import Evaluation
from e2lm_scoring.uncertainty import Bootstrap

SCHEMA = "e2lm-summary/1"
DIGITS = 6


class _Row(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class IntervalRow(_Row):
    """A 95 % interval of a score over the choice of items, and its standard error."""

    low: float
    high: float
    error: float


class Summary(_Row):
    """summary.json."""

    schema_name: str = Field(alias="schema")
    task: str
    suite: str
    suite_version: int
    metric: str
    items: int
    submission: str  # its digest
    reveal: str  # what the report beside it shows
    eligible: bool
    reasons: tuple[str, ...]
    scores: dict[str, float]
    intervals: dict[str, IntervalRow]
    draws: dict[str, tuple[float, ...]]  # of score, sq, rc, cs: each in increasing order

    @model_validator(mode="after")
    def _every_score_has_draws(self) -> Summary:
        if "sq" not in self.draws:
            raise ValueError("draws of sq are missing")
        for key, draws in self.draws.items():
            if key not in self.scores or key not in self.intervals or not draws:
                raise ValueError(f"{key} has draws, but no score or no interval, or no draw at all")
        return self


def summary_json(evaluation: Evaluation, drawn: Bootstrap, *, suite_version: int, submission: str) -> bytes:
    """The content of summary.json.

    The draws are sorted, each score alone: in the order they were drawn, with the seed known, they would tell a
    participant what the models that organizers hold back answer item by item.
    """
    head = {
        "schema": SCHEMA,
        "task": evaluation.task,
        "suite": evaluation.suite,
        "suite_version": suite_version,
        "metric": evaluation.metric,
        "items": evaluation.items,
        "submission": submission,
        "reveal": evaluation.reveal,
        "eligible": evaluation.eligible,
        "reasons": evaluation.reasons,
        "scores": evaluation.scores,
        "intervals": {key: asdict(interval) for key, interval in evaluation.intervals.items()},
        "draws": {key: np.sort(draws).round(DIGITS).tolist() for key, draws in drawn.scores.items()},
    }
    return (json.dumps(head) + "\n").encode()


def read_summary(content: bytes, name: str) -> Summary:
    """Checked content of a summary.json. Raises OrganizerError, beginning with `name`, saying what is wrong."""
    try:
        summary = Summary.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise OrganizerError(f"{name}: {place}: {first['msg']}; score the run again") from None
    if summary.schema_name != SCHEMA:
        raise OrganizerError(f"{name}: schema {summary.schema_name!r} is not {SCHEMA!r}; score the run again")
    return summary
