"""The chart of all curves, the frame that all charts share, and the data for reading values on hover."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from markupsafe import Markup

from e2lm_scoring.report import svg
from e2lm_scoring.report.palette import SERIES_HUES
from e2lm_scoring.report.scales import (
    Axis,
    Tick,
    TokenUnit,
    score_text,
    spread,
    token_axis,
    token_ticks,
    value_axis,
    value_ticks,
)
from e2lm_scoring.score_report import Curve

LABEL_GAP = 0.055  # fraction of the chart's height: one line of text
DASHES = ("solid", "dashed", "dotted")


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart; `style` names its hue and dash as CSS classes."""

    name: str
    style: str
    slot: int
    positions: Sequence[float]  # fractions, NaN where there is no value
    values: Sequence[float]
    low: Sequence[float] = ()  # fractions, the band around the line; empty where there is none
    high: Sequence[float] = ()
    texts: Sequence[str] = ()  # texts shown on hover; empty: the values alone


@dataclass(frozen=True, slots=True)
class Label:
    """A name beside the end of a line."""

    text: str
    position: float
    style: str
    slot: int


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing with its ticks and the data for reading values on hover."""

    identity: str
    title: str
    drawing: Markup
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    x_title: str
    y_title: str
    reading: dict[str, object]
    labels: list[Label] = field(default_factory=list)
    series: list[Series] = field(default_factory=list)
    boundary: Tick | None = None  # the end of the early window
    chance: Tick | None = None
    chance_is_far: bool = False
    logarithmic: bool = False


def reading(x_positions: Sequence[float], x_texts: Sequence[str], series: Sequence[Series]) -> dict[str, object]:
    """Data for the page's script, which shows values on hover: positions as fractions, and the texts."""
    return {
        "x": [round(position, 5) for position in x_positions],
        "at": list(x_texts),
        "series": [
            {
                "name": one.name,
                "style": one.style,
                "slot": one.slot,
                "y": [round(position, 5) if math.isfinite(position) else None for position in one.positions],
                "text": list(one.texts) or [score_text(value) for value in one.values],
            }
            for one in series
        ],
    }


def line_styles(curves: Sequence[Curve], web: str) -> dict[str, str]:
    """CSS classes of each model: hue for the size, dash for the architecture, gray dots for the web-only mixture."""
    web_mixtures = {curve.mixture for curve in curves if curve.model == web}
    sizes = list(dict.fromkeys(curve.size for curve in curves))
    architectures = list(dict.fromkeys(curve.architecture for curve in curves if curve.mixture not in web_mixtures))
    styles = {}
    for curve in curves:
        if curve.mixture in web_mixtures:
            styles[curve.model] = "hue-web dotted"
            continue
        size, architecture = sizes.index(curve.size), architectures.index(curve.architecture)
        # beyond four sizes, hues repeat with the next dash
        dash = DASHES[(architecture + size // SERIES_HUES) % len(DASHES)]
        styles[curve.model] = f"hue-{size % SERIES_HUES} {dash}"
    return styles


def all_curves(
    curves: Sequence[Curve], styles: dict[str, str], metric: str, chance: float | None, unit: TokenUnit
) -> Chart:
    """Every model over training, the end of the early window, and chance where it falls near the curves."""
    tokens = np.unique(np.concatenate([curve.tokens for curve in curves])) if curves else np.empty(0)
    scores = np.concatenate([values_and_band(curve) for curve in curves]) if curves else np.empty(0)
    x_axis = token_axis(tokens)
    y_axis, chance_shown = _axis_with_chance(scores, chance)
    chance_tick = Tick(y_axis.place(chance), f"chance {score_text(chance)}") if chance is not None else None
    early_end = max((float(curve.tokens[curve.early].max()) for curve in curves if curve.early.any()), default=None)
    boundary = Tick(x_axis.place(early_end), unit.text(early_end)) if early_end is not None else None
    x_positions = [x_axis.place(float(amount)) for amount in tokens]
    series = [
        Series(
            name=curve.model,
            style=styles[curve.model],
            slot=slot,
            positions=[y_axis.place(value) for value in _on_grid(curve, curve.scores, tokens)],
            values=_on_grid(curve, curve.scores, tokens),
            low=[y_axis.place(value) for value in _on_grid(curve, curve.low, tokens)],
            high=[y_axis.place(value) for value in _on_grid(curve, curve.high, tokens)],
            texts=band_texts(*(_on_grid(curve, values, tokens) for values in (curve.scores, curve.low, curve.high))),
        )
        for slot, curve in enumerate(curves)
    ]
    late = any(not curve.early.all() for curve in curves)
    y_ticks = value_ticks(y_axis)
    layers = [svg.across(tick.position, "grid") for tick in y_ticks]
    if boundary is not None:
        if late:
            layers.insert(0, svg.band(boundary.position, 1.0, "late"))
        layers.append(svg.upright(boundary.position, "boundary"))
    if chance_tick is not None and chance_shown:
        layers.append(svg.across(chance_tick.position, "chance"))
    layers += [_drawn(one, x_positions, early_end, tokens) for one in series]
    return Chart(
        identity="curves",
        title=f"{metric} of every model over training",
        drawing=svg.picture("curves", f"{metric} of every model over training", _described(curves, unit), *layers),
        x_ticks=token_ticks(x_axis, unit),
        y_ticks=y_ticks,
        x_title=unit.name + (", log scale" if x_axis.logarithmic else ""),
        y_title=f"{metric}, higher is better",
        reading=reading(x_positions, [unit.text(float(amount)) for amount in tokens], series),
        labels=_end_labels(series),
        series=series,
        boundary=boundary,
        chance=chance_tick if chance_shown else None,
        chance_is_far=chance_tick is not None and not chance_shown,
        logarithmic=x_axis.logarithmic,
    )


def values_and_band(curve: Curve) -> np.ndarray:
    """All values that a chart of the curve has to include."""
    return np.concatenate([part for part in (curve.scores, curve.low, curve.high) if part is not None])


def band_texts(values: Sequence[float], low: Sequence[float], high: Sequence[float]) -> list[str]:
    """A score with the ends of its band in brackets, where it has one."""
    ends = [f" ({score_text(a)} to {score_text(b)})" for a, b in zip(low, high, strict=True)] or [""] * len(values)
    return [score_text(value) + end for value, end in zip(values, ends, strict=True)]


def band_area(x_positions: Sequence[float], low: Sequence[float], high: Sequence[float]) -> list[Markup]:
    """The area between the ends of a band, where there is one."""
    points = [point for point in zip(x_positions, low, high, strict=False) if math.isfinite(point[1])]
    if len(points) < 2:
        return []
    upper = [(x, top) for x, _, top in points]
    return [svg.area([*upper, *((x, bottom) for x, bottom, _ in reversed(points))], "band")]


def _on_grid(curve: Curve, values: np.ndarray | None, tokens: np.ndarray) -> list[float]:
    if values is None:
        return []
    at = dict(zip(curve.tokens.tolist(), values.tolist(), strict=True))
    return [float(at.get(amount, math.nan)) for amount in tokens.tolist()]


def _axis_with_chance(scores: np.ndarray, chance: float | None) -> tuple[Axis, bool]:
    """The value axis, stretched to chance unless that would leave the curves less than a third of the height."""
    alone = value_axis(scores)
    if chance is None or not math.isfinite(chance):
        return alone, False
    together = value_axis(scores, chance)
    if together.high - together.low > 3 * (alone.high - alone.low):
        return alone, False
    return together, True


def _drawn(one: Series, x_positions: Sequence[float], early_end: float | None, tokens: np.ndarray) -> Markup:
    # checkpoints that only other models have are not gaps in this model's line
    points = [point for point in zip(x_positions, one.positions, strict=True) if math.isfinite(point[1])]
    early = [
        point
        for point, amount in zip(zip(x_positions, one.positions, strict=True), tokens, strict=True)
        if early_end is not None and amount <= early_end
    ]
    shapes = [*band_area(x_positions, one.low, one.high), svg.line(points, "line"), svg.dots(early, "")]
    return svg.group(f"series slot-{one.slot} {one.style}", *shapes)


def _end_labels(series: Sequence[Series]) -> list[Label]:
    ends = [
        next((position for position in reversed(one.positions) if math.isfinite(position)), math.nan) for one in series
    ]
    shown = [(one, end) for one, end in zip(series, ends, strict=True) if math.isfinite(end)]
    positions = spread([end for _, end in shown], LABEL_GAP)
    return [Label(one.name, position, one.style, one.slot) for (one, _), position in zip(shown, positions, strict=True)]


def _described(curves: Sequence[Curve], unit: TokenUnit) -> str:
    sentences = [
        f"{curve.model}: {score_text(float(curve.scores[0]))} at {unit.text(float(curve.tokens[0]))}, "
        f"{score_text(float(curve.scores[-1]))} at {unit.text(float(curve.tokens[-1]))}."
        for curve in curves
        if curve.tokens.size
    ]
    return " ".join(["One line per model, dots at early checkpoints.", *sentences])
