"""The mean curve of the signal models with right labels beside that with wrong ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from e2lm_scoring.report import svg
from e2lm_scoring.report.charts import Chart, Label, Series, reading
from e2lm_scoring.report.reveal import early_part
from e2lm_scoring.report.scales import (
    TokenUnit,
    checkpoint_positions,
    checkpoint_ticks,
    score_text,
    spread,
    value_axis,
    value_ticks,
)
from e2lm_scoring.score_report import ScoreReport

RIGHT, WRONG = "right labels", "wrong labels"
APART = 0.07  # of the chart's height, between the names at the ends of the lines


@dataclass(frozen=True, slots=True)
class LabelsView:
    """What the section on labels shows."""

    chart: Chart
    share: float  # of the rise that depends on labels
    share_text: str
    right_first: float
    right_last: float
    wrong_first: float
    wrong_last: float


def labels_view(score_report: ScoreReport, unit: TokenUnit) -> LabelsView | None:
    """The section's content; None where the task has no contrast, or the signal models are withheld."""
    models = {signal.model for signal in score_report.signal}
    curves = [early_part(curve) for curve in score_report.curves if curve.model in models]
    wrongs = [curve.wrong for curve in curves if curve.wrong is not None]
    if not wrongs or len(wrongs) < len(models) or "label_share" not in score_report.scores:
        return None
    right = np.mean([curve.scores for curve in curves], axis=0)
    wrong = np.mean(wrongs, axis=0)
    share = score_report.scores["label_share"]
    return LabelsView(
        chart=_chart(right, wrong, curves[0].tokens, unit),
        share=share,
        share_text=f"{share:.0%}",
        right_first=float(right[0]),
        right_last=float(right[-1]),
        wrong_first=float(wrong[0]),
        wrong_last=float(wrong[-1]),
    )


def _chart(right: np.ndarray, wrong: np.ndarray, tokens: np.ndarray, unit: TokenUnit) -> Chart:
    axis = value_axis(np.concatenate([right, wrong]))
    x_positions = checkpoint_positions(len(right))
    series = [
        Series(name, style, slot, [axis.place(float(value)) for value in values], values.tolist())
        for slot, (name, style, values) in enumerate(((RIGHT, "hue-0 solid", right), (WRONG, "wrong", wrong)))
    ]
    ends = spread([one.positions[-1] for one in series], APART)
    y_ticks = value_ticks(axis)
    layers = [svg.across(tick.position, "grid") for tick in y_ticks]
    for one in series:
        points = list(zip(x_positions, one.positions, strict=True))
        layers.append(svg.group(f"series {one.style}", svg.line(points, "line"), svg.dots(points, "")))
    title = "Mean of the signal models with right labels and with wrong ones"
    description = (
        f"Right labels: {score_text(float(right[0]))} to {score_text(float(right[-1]))}. "
        f"Wrong labels: {score_text(float(wrong[0]))} to {score_text(float(wrong[-1]))}."
    )
    return Chart(
        identity="labels",
        title=title,
        drawing=svg.picture("labels", title, description, *layers),
        x_ticks=checkpoint_ticks(tokens, unit, most=7),
        y_ticks=y_ticks,
        x_title=f"early checkpoints, {unit.symbol}",
        y_title="mean score of the signal models",
        reading=reading(x_positions, [unit.text(float(amount)) for amount in tokens], series),
        labels=[Label(one.name, end, one.style, one.slot) for one, end in zip(series, ends, strict=True)],
        series=series,
    )
