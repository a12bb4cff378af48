"""summary.json: the data that a leaderboard needs of a scored run, so that ranking reads no results again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from scipy.special import ndtri

from e2lm_scoring.errors import OrganizerError
from e2lm_scoring.one_line import one_line
from e2lm_scoring.report.reveal import redact
from e2lm_scoring.score_report import ScoreReport

SCHEMA = "e2lm-summary/1"
DIGITS = 6
CURVE_DIGITS = 3  # enough for a sparkline
STAND_INS = 199  # draws of a normal distribution that stand for those of the bootstrap
STAND_IN_DIGITS = 4  # of its mean and standard deviation


Line = Annotated[str, AfterValidator(one_line)]  # text of participants, or that quotes it


class _Row(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class IntervalRow(_Row):
    """A 95 % interval of a score over the choice of items, and its standard error."""

    low: float
    high: float
    error: float


class BlockingRow(_Row):
    """A warning of the check that withholds a prize until an organizer has cleared it."""

    kind: Line
    message: Line


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
    task: Line
    suite: str
    suite_version: int
    metric: Line
    items: int
    clusters: int = 0  # of items that share something, which are resampled together; 0: not recorded
    submission: str  # its digest
    reveal: str  # the reveal mode of the report beside it
    eligible: bool
    reasons: tuple[Line, ...]
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


def summary_json(
    score_report: ScoreReport, draws: Mapping[str, np.ndarray], *, suite_version: int, submission: str
) -> bytes:
    """The content of summary.json; `draws` are those of score, sq, rc and cs, (draws,) each.

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
        "draws": {key: np.sort(own).round(DIGITS).tolist() for key, own in draws.items()},
    }
    return (json.dumps(head) + "\n").encode()


def stand_in(draws: np.ndarray) -> np.ndarray:
    """Quantiles of a normal distribution with the mean and the standard deviation of draws, (STAND_INS,) float64.

    A thousand draws of a score tell far more about answers than the score does, even in order of size. Participants
    get two numbers of four digits in their place, which a ranking can still compare.
    """
    mean, deviation = (round(float(value), STAND_IN_DIGITS) for value in (np.mean(draws), np.std(draws)))
    quantiles = ndtri((np.arange(STAND_INS) + 0.5) / STAND_INS)
    stand_ins: np.ndarray = mean + deviation * quantiles / quantiles.std()
    return stand_ins


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
