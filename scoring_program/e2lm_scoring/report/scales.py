"""Axes, ticks and number formats of the charts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LOG_FROM_RATIO = 8.0  # a shorter span of tokens reads better on a linear axis


@dataclass(frozen=True, slots=True)
class Tick:
    position: float  # fraction of the axis, 0 at its start
    label: str
    minor: bool = False  # omitted in narrow charts


@dataclass(frozen=True, slots=True)
class Axis:
    """Maps values to fractions of a chart's side, from 0 at `low` to 1 at `high`."""

    low: float
    high: float
    logarithmic: bool = False

    def place(self, value: float) -> float:
        low, high = self.low, self.high
        if self.logarithmic:
            value, low, high = math.log(value), math.log(low), math.log(high)
        return (value - low) / (high - low)


def token_axis(tokens: np.ndarray) -> Axis:
    """The axis of training tokens: logarithmic, so that the early window is not squeezed into a fifth of the width."""
    if tokens.size == 0:
        return Axis(0.0, 1.0)
    low, high = float(tokens.min()), float(tokens.max())
    if low > 0 and high / low >= LOG_FROM_RATIO:
        margin = (high / low) ** 0.025
        return Axis(low / margin, high * margin, logarithmic=True)
    margin = 0.025 * (high - low) or max(abs(high), 1.0)
    return Axis(low - margin, high + margin)


def value_axis(values: np.ndarray, *also: float) -> Axis:
    """An axis with a margin around the finite numbers among `values` and `also`.

    It spans at least a thousandth of their magnitude: a drift of 1e-9, stretched to fill the chart, would look like
    progress.
    """
    finite = values[np.isfinite(values)]
    points = np.concatenate([finite, np.asarray([value for value in also if math.isfinite(value)])])
    if points.size == 0:
        return Axis(0.0, 1.0)
    low, high = float(points.min()), float(points.max())
    size = max(abs(low), abs(high)) or 1.0
    span = max(high - low, 1e-3 * size)
    middle = (low + high) / 2
    return Axis(middle - 0.56 * span, middle + 0.56 * span)


def value_ticks(axis: Axis, most: int = 5) -> list[Tick]:
    """At least three ticks at round values of a linear axis, written with the decimals their step needs."""
    step = _round_step((axis.high - axis.low) / most)
    while math.floor(axis.high / step) - math.ceil(axis.low / step) < 2:
        step = _round_step(0.3 * step)  # 5, 2, 1, 0.5, ...
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    first, last = math.ceil(axis.low / step), math.floor(axis.high / step)
    large = max(abs(axis.low), abs(axis.high)) >= 1e5
    ticks = []
    for index in range(first, last + 1):
        value = index * step
        ticks.append(Tick(axis.place(value), f"{value:.3g}" if large else f"{value:,.{decimals}f}"))
    return ticks


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next((power * factor for factor in (1, 2, 5) if power * factor >= rough), power * 10)


@dataclass(frozen=True, slots=True)
class TokenUnit:
    """Billions of tokens, or millions for suites of miniature models."""

    symbol: str
    name: str
    per_billion: float

    def number(self, tokens: float) -> str:
        amount = tokens * self.per_billion
        if amount >= 100 or amount == round(amount):
            return f"{amount:,.0f}"
        return f"{amount:.1f}" if amount >= 10 else f"{amount:.3g}"

    def text(self, tokens: float) -> str:
        return f"{self.number(tokens)} {self.symbol}"


BILLIONS = TokenUnit("GT", "billions of training tokens (GT)", 1.0)
MILLIONS = TokenUnit("MT", "millions of training tokens (MT)", 1e3)


def token_unit(tokens: np.ndarray) -> TokenUnit:
    return MILLIONS if tokens.size and float(tokens.max()) < 1.0 else BILLIONS


def token_ticks(axis: Axis, unit: TokenUnit) -> list[Tick]:
    """Round amounts of tokens; on a logarithmic axis 1, 2 and 5 of each decade, of which powers of ten are major."""
    if not axis.logarithmic:
        ticks = value_ticks(Axis(axis.low * unit.per_billion, axis.high * unit.per_billion), most=6)
        return [Tick(tick.position, tick.label, minor=index % 2 == 1) for index, tick in enumerate(ticks)]
    low, high = axis.low * unit.per_billion, axis.high * unit.per_billion
    ticks = []
    for exponent in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1):
        for factor in (1, 2, 5):
            amount = factor * 10.0**exponent
            if low <= amount <= high:
                position = axis.place(amount / unit.per_billion)
                ticks.append(Tick(position, f"{amount:,.6g}", minor=factor != 1 and high / low > 30))
    return ticks


def checkpoint_ticks(tokens: np.ndarray, unit: TokenUnit, most: int = 5) -> list[Tick]:
    """Ticks for equally spaced checkpoints: the first, the last and some between; `most` is odd."""
    count = len(tokens)
    if count == 0:
        return []
    chosen = sorted({round(index) for index in np.linspace(0, count - 1, min(most, count))})
    positions = checkpoint_positions(count)
    return [
        Tick(positions[index], unit.number(float(tokens[index])), minor=position % 2 == 1)
        for position, index in enumerate(chosen)
    ]


def checkpoint_positions(count: int) -> list[float]:
    """The middle of each of `count` equal cells."""
    return [(index + 0.5) / count for index in range(count)]


def spread(positions: Sequence[float], gap: float) -> list[float]:
    """Label positions in [0, 1] moved apart to at least `gap`, keeping their order and moving as little as they can."""
    order = sorted(range(len(positions)), key=lambda index: positions[index])
    placed = [positions[index] for index in order]
    for index in range(1, len(placed)):
        placed[index] = max(placed[index], placed[index - 1] + gap)
    overflow = max(0.0, placed[-1] - 1.0) if placed else 0.0
    if overflow:
        placed[-1] -= overflow
        for index in range(len(placed) - 2, -1, -1):
            placed[index] = min(placed[index], placed[index + 1] - gap)
    result = [0.0] * len(placed)
    for index, position in zip(order, placed, strict=True):
        result[index] = position
    return result


def score_text(value: float) -> str:
    """A score with four decimals; very large or very small magnitudes with four significant digits."""
    if not math.isfinite(value):
        return "–"
    size = abs(value)
    if size >= 1e4 or 0 < size < 1e-4:
        return f"{value:.4g}".replace("-", "−")
    decimals = 4 if size < 10 else 2
    text = f"{value:.{decimals}f}"
    return text.replace("-", "−") if float(text) else text.lstrip("-")
