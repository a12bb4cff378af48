"""Removes from a score report the data that its reader may not see.

The page is public, so data that the organizers withhold is removed before anything is drawn: data hidden by the page
would still be in the file.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from e2lm_scoring.score_report import Alignment, Curve, Generalization, GroupRanking, ScoreReport


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
        curves=tuple(
            early_part(curve)
            for curve in score_report.curves
            if curve.model not in held and curve.mixture not in held_mixtures
        ),
        ranking=tuple(_without_late(group) for group in score_report.ranking),
        alignment=_without_curves(alignment) if alignment is not None else None,
        generalization=_without_decisions(score_report.generalization, signal_is_held),
    )


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
