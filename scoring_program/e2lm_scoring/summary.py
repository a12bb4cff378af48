"""summary.json: the data that a leaderboard needs of a scored run, so that ranking reads no results again."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from e2lm_scoring.errors import OrganizerError
from e2lm_scoring.report.reveal import redact
from e2lm_scoring.score_report import ScoreReport
from e2lm_scoring.uncertainty import Bootstrap

SCHEMA = "e2lm-summary/1"
DIGITS = 6
CURVE_DIGITS = 3  # enough for a sparkline


class _Row(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class IntervalRow(_Row):
    """A 95 % interval of a score over the choice of items, and its standard error."""

    low: float
    high: float
    error: float


class BlockingRow(_Row):
    """A warning of the check that withholds a prize until an organizer has cleared it."""

    kind: str
    message: str


class CurveRow(_Row):
    """The mean curve of the signal models over the early checkpoints, as participants may see it."""

    tokens: tuple[float, ...]  # billions
    scores: tuple[float, ...]  # "higher is better", in the metric's unit

    @model_validator(mode="after")
    def _of_one_length(self) -> CurveRow:
        if len(self.tokens) != len(self.scores):
            raise ValueError("tokens and scores differ in number")
        return self


class Summary(_Row):
    """summary.json."""

    schema_name: str = Field(alias="schema")
    task: str
    suite: str
    suite_version: int
    metric: str
    items: int
    clusters: int = 0  # of items that share something, which are resampled together; 0: not recorded
    submission: str  # its digest
    reveal: str  # the reveal mode of the report beside it
    eligible: bool
    reasons: tuple[str, ...]
    blocking: tuple[BlockingRow, ...] = ()
    curve: CurveRow | None = None  # None: not recorded, or withheld
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


def summary_json(score_report: ScoreReport, drawn: Bootstrap, *, suite_version: int, submission: str) -> bytes:
    """The content of summary.json.

    The draws of each score are sorted: in the order drawn, with the known seed, they would reveal the answers of the
    withheld models item by item.
    """
    head = {
        "schema": SCHEMA,
        "task": score_report.task,
        "suite": score_report.suite,
        "suite_version": suite_version,
        "metric": score_report.metric,
        "items": score_report.items,
        "clusters": score_report.clusters,
        "submission": submission,
        "reveal": score_report.reveal,
        "eligible": score_report.eligible,
        "reasons": score_report.reasons,
        "blocking": [{"kind": kind, "message": message} for kind, message in score_report.blocking],
        "curve": _mean_curve(score_report),
        "scores": score_report.scores,
        "intervals": {key: asdict(interval) for key, interval in score_report.intervals.items()},
        "draws": {key: np.sort(draws).round(DIGITS).tolist() for key, draws in drawn.scores.items()},
    }
    return (json.dumps(head) + "\n").encode()


def _mean_curve(score_report: ScoreReport) -> dict[str, list[float]] | None:
    signal = {part.model for part in score_report.signal}
    curves = [curve for curve in redact(score_report).curves if curve.model in signal]
    if len(curves) < len(signal) or not curves or not np.isfinite([curve.scores for curve in curves]).all():
        return None
    return {
        "tokens": curves[0].tokens.round(CURVE_DIGITS).tolist(),
        "scores": np.mean([curve.scores for curve in curves], axis=0).round(CURVE_DIGITS).tolist(),
    }


def read_summary(content: bytes, name: str) -> Summary:
    """Checked content of a summary.json. Raises OrganizerError, beginning with `name`, saying what is wrong."""
    try:
        summary = Summary.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        location = ".".join(str(part) for part in first["loc"]) or "the file"
        raise OrganizerError(f"{name}: {location}: {first['msg']}; score the run again") from None
    if summary.schema_name != SCHEMA:
        raise OrganizerError(f"{name}: schema {summary.schema_name!r} is not {SCHEMA!r}; score the run again")
    return summary
