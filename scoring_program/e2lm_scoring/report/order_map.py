"""Heat map of the agreement of the models' order between every two checkpoints."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from itertools import groupby

import numpy as np

from e2lm_scoring.formulas.ranking_consistency import ranking_agreement
from e2lm_scoring.report import svg
from e2lm_scoring.report.charts import Chart, Series, reading
from e2lm_scoring.report.scales import TokenUnit, checkpoint_positions, checkpoint_ticks, score_text
from e2lm_scoring.score_report import Curve, GroupRanking

SHADES = 6  # from reversed order through ties to the same order


def order_map(curves: Sequence[Curve], groups: Sequence[GroupRanking], unit: TokenUnit) -> Chart | None:
    """Agreement (tau + 1) / 2 of every two checkpoints that may be shown, averaged over the groups of models.

    None when there is no group, or fewer than two checkpoints that all its models have.
    """
    by_model = {curve.model: curve for curve in curves}
    models = [model for group in groups for model in group.models]
    if not models or any(model not in by_model for model in models):
        return None
    tokens = reduce(np.intersect1d, [by_model[model].tokens for model in models])
    if tokens.size < 2:
        return None
    agreement = np.mean([_agreement([by_model[model] for model in group.models], tokens) for group in groups], axis=0)
    positions, room = checkpoint_positions(len(tokens)), 0.5 / len(tokens)
    cells = []
    for row, position in zip(agreement, positions, strict=True):
        shades = np.rint(SHADES * row).astype(int).tolist()
        at = 0
        for shade, run in groupby(shades):
            end = at + len(list(run))
            cells.append(
                svg.band(
                    positions[at] - room, positions[end - 1] + room, f"heat-{shade}", position - room, position + room
                )
            )
            at = end
    early = [one for model in models for one in [by_model[model]] if one.early.any()]
    boundary = max(int(np.sum(tokens <= one.tokens[one.early].max())) for one in early) if early else 0
    if 0 < boundary < len(tokens):
        edge = (positions[boundary - 1] + positions[boundary]) / 2
        cells += [svg.upright(edge, "boundary"), svg.across(edge, "boundary")]
    title = "Agreement of the order of models between every two checkpoints"
    mean = agreement.mean(axis=0)
    series = Series("mean agreement with all checkpoints", "", 0, [math.nan] * len(tokens), mean.tolist())
    return Chart(
        identity="order-map",
        title=title,
        drawing=svg.picture(
            "order-map",
            title,
            f"The mean agreement is {score_text(float(agreement.mean()))}; 1 is the same order throughout, 0.5 chance.",
            *cells,
        ),
        x_ticks=checkpoint_ticks(tokens, unit, most=5),
        y_ticks=checkpoint_ticks(tokens, unit, most=5),
        x_title=f"checkpoint, {unit.symbol}",
        y_title=f"another checkpoint, {unit.symbol}",
        reading=reading(positions, [unit.text(float(amount)) for amount in tokens], [series]),
    )


def _agreement(models: Sequence[Curve], tokens: np.ndarray) -> np.ndarray:
    """(checkpoints, checkpoints) agreement of the order of these models at the checkpoints of both axes."""
    scores = np.stack([model.scores[np.searchsorted(model.tokens, tokens)] for model in models])
    return np.stack([ranking_agreement(scores[:, i : i + 1], scores) for i in range(len(tokens))])
