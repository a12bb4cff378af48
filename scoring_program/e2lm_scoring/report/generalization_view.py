"""Signal quality of every model, and how often early decisions between models are right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from e2lm_scoring.formulas.generalization import DECIDED
from e2lm_scoring.report import svg
from e2lm_scoring.report.charts import Chart, Series, reading
from e2lm_scoring.report.scales import Axis, Tick, TokenUnit, checkpoint_positions, checkpoint_ticks, score_text
from e2lm_scoring.score_report import ScoreReport


@dataclass(frozen=True, slots=True)
class ModelQuality:
    name: str
    style: str
    sq: float
    is_signal: bool


@dataclass(frozen=True, slots=True)
class GeneralizationView:
    models: list[ModelQuality]
    decisions: Chart | None  # None when late checkpoints are withheld from the reader


def generalization_view(
    score_report: ScoreReport, styles: Mapping[str, str], unit: TokenUnit
) -> GeneralizationView | None:
    """The section's content; None for a score report without it."""
    found = score_report.generalization
    if found is None:
        return None
    signal = {part.model for part in score_report.signal}
    models = [
        ModelQuality(name, styles.get(name, "hue-0 solid"), sq, name in signal) for name, sq in found.qualities.items()
    ]
    models.sort(key=lambda model: not model.is_signal)
    return GeneralizationView(models, _chart(found.decisions, found.tokens, unit) if found.decisions.size else None)


def _chart(decisions: np.ndarray, tokens: np.ndarray, unit: TokenUnit) -> Chart:
    axis = Axis(-0.04, 1.04)
    x_positions = checkpoint_positions(len(decisions))
    positions = [axis.place(float(value)) for value in decisions]
    points = list(zip(x_positions, positions, strict=True))
    ticks = [Tick(axis.place(value), f"{value:g}") for value in (0.0, 0.5, 1.0)]
    layers = [svg.across(tick.position, "grid") for tick in ticks]
    layers.append(svg.across(axis.place(DECIDED), "boundary"))
    layers.append(svg.group("series hue-0", svg.line(points, "line"), svg.dots(points, "")))
    title = "Decision accuracy at each early checkpoint"
    series = Series("decision accuracy", "hue-0", 0, positions, decisions.tolist())
    return Chart(
        identity="decisions",
        title=title,
        drawing=svg.picture(
            "decisions",
            title,
            f"From {score_text(float(decisions[0]))} at {unit.text(float(tokens[0]))} to "
            f"{score_text(float(decisions[-1]))} at {unit.text(float(tokens[-1]))}.",
            *layers,
        ),
        x_ticks=checkpoint_ticks(tokens, unit, most=3),
        y_ticks=ticks,
        x_title=f"early checkpoints, {unit.symbol}",
        y_title="",
        reading=reading(x_positions, [unit.text(float(amount)) for amount in tokens], [series]),
    )
