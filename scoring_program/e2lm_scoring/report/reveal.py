"""Removes from a score report the data that its reader may not see.

The page is public, so data that the organizers withhold is removed before anything is drawn: data hidden by the page
would still be in the file. Numbers keep the digits of the leaderboard: with all its digits, one score can spell the
answers of a withheld model to a dozen items that its author gave the weights 1, 1/16, 1/256, ...
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np

from e2lm_scoring.columns import BY_KEY
from e2lm_scoring.score_report import (
    Alignment,
    Curve,
    Generalization,
    GroupRanking,
    Interval,
    ItemTable,
    ModelSignal,
    Pruning,
    ScoreReport,
    SubsetRow,
)

SIGNIFICANT = 5  # digits of a number at most, however large it is: 15,000 items, or a score of 0.1234
DECIMALS = 4  # of the scores on the leaderboard, and of whatever is no column
INTERVAL_DECIMALS = 3  # of the ends of an interval


def shows_everything(score_report: ScoreReport) -> bool:
    """True only for the reveal mode "organizer": an unknown mode shows less, not more."""
    return score_report.reveal == "organizer"


def redact(score_report: ScoreReport) -> ScoreReport:
    """The score report without late checkpoints and without models of the web-only mixture; the scores stay.

    Both normalized curves are removed: beside the raw science curve, their common scale would give away the web-only
    one.
    """
    alignment = score_report.alignment
    held = {alignment.web} if alignment is not None else set()
    held_mixtures = {curve.mixture for curve in score_report.curves if curve.model in held}
    signal_is_held = any(
        curve.mixture in held_mixtures
        for curve in score_report.curves
        for part in score_report.signal
        if part.model == curve.model
    )
    return replace(
        score_report,
        table=None if signal_is_held else score_report.table,
        pruning=None if signal_is_held else score_report.pruning,
        subsets=() if signal_is_held else score_report.subsets,
        subset_finding=None if signal_is_held else score_report.subset_finding,
        curves=tuple(
            early_part(curve)
            for curve in score_report.curves
            if curve.model not in held and curve.mixture not in held_mixtures
        ),
        ranking=tuple(_without_late(group) for group in score_report.ranking),
        alignment=_without_curves(alignment) if alignment is not None else None,
        generalization=_without_decisions(score_report.generalization, signal_is_held),
    )


def rounded(score_report: ScoreReport) -> ScoreReport:
    """The score report with the digits of the leaderboard alone; whatever is drawn from it has no more."""
    return replace(
        score_report,
        scores={key: rounded_number(value, BY_KEY[key].precision) for key, value in score_report.scores.items()},
        intervals={key: rounded_interval(interval) for key, interval in score_report.intervals.items()},
        curves=tuple(_with_rounded_floats(curve) for curve in score_report.curves),
        signal=tuple(_with_rounded_floats(signal) for signal in score_report.signal),
        ranking=tuple(_with_rounded_floats(group) for group in score_report.ranking),
        alignment=_with_rounded_floats(score_report.alignment) if score_report.alignment is not None else None,
        table=_rounded_table(score_report.table) if score_report.table is not None else None,
        subsets=tuple(_with_rounded_floats(row) for row in score_report.subsets),
        pruning=_with_rounded_floats(score_report.pruning) if score_report.pruning is not None else None,
        generalization=_rounded_generalization(score_report.generalization),
    )


def rounded_number(value: float, decimals: int = DECIMALS) -> float:
    """So many decimals, and no more than SIGNIFICANT digits.

    >>> rounded_number(0.123456), rounded_number(1234567.891, 2)
    (0.1235, 1234600.0)
    """
    return float(f"{round(value, decimals):.{SIGNIFICANT}g}")


def rounded_interval(interval: Interval) -> Interval:
    """The ends with three decimals, the standard error with four."""
    low, high = (rounded_number(end, INTERVAL_DECIMALS) for end in (interval.low, interval.high))
    return Interval(low, high, rounded_number(interval.error))


_Part = TypeVar("_Part", Curve, ModelSignal, GroupRanking, Alignment, SubsetRow, Pruning)


def _with_rounded_floats(part: _Part) -> _Part:
    """The same with its scores rounded; tokens are no scores."""
    changes: dict[str, Any] = {}
    for name in (field.name for field in fields(part) if field.name != "tokens"):
        value = getattr(part, name)
        if isinstance(value, float):
            changes[name] = rounded_number(value)
        elif isinstance(value, np.ndarray) and value.dtype.kind == "f":
            changes[name] = np.asarray([rounded_number(one) for one in value.tolist()], dtype=value.dtype)
    return replace(part, **changes)


def _rounded_table(table: ItemTable) -> ItemTable:
    """Three significant digits: the influence of one of 15,000 items is small."""
    numbers = {name: getattr(table, name).tolist() for name in ("mean", "rise", "trend", "influence")}
    return replace(table, **{name: np.asarray([float(f"{one:.3g}") for one in own]) for name, own in numbers.items()})


def _rounded_generalization(generalization: Generalization | None) -> Generalization | None:
    if generalization is None:
        return None
    qualities = {model: rounded_number(value) for model, value in generalization.qualities.items()}
    decisions = np.asarray([rounded_number(one) for one in generalization.decisions.tolist()])
    return replace(generalization, qualities=qualities, decisions=decisions)


def early_part(curve: Curve) -> Curve:
    """The curve over its early checkpoints alone."""
    early = curve.early.astype(bool)
    return replace(
        curve,
        tokens=curve.tokens[early],
        scores=curve.scores[early],
        early=early[early],
        low=curve.low[early] if curve.low is not None else None,
        high=curve.high[early] if curve.high is not None else None,
        wrong=curve.wrong[early] if curve.wrong is not None else None,
    )


def _without_late(group: GroupRanking) -> GroupRanking:
    return replace(group, tokens=np.empty(0), agreement=np.empty(0), rc=float("nan"))


def _without_curves(alignment: Alignment) -> Alignment:
    nothing = np.empty(0)
    return replace(alignment, tokens=nothing, science_normalized=nothing, web_normalized=nothing)


def _without_decisions(generalization: Generalization | None, signal_is_held: bool) -> Generalization | None:
    if generalization is None or signal_is_held:
        return None
    return replace(generalization, decisions=np.empty(0))
