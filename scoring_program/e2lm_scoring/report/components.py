"""Charts of the score's components: one per signal model, one per ranking group, one for the pair of mixtures.

Checkpoints are equally spaced in these charts, because they count equally in the formulas.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from markupsafe import Markup

from e2lm_scoring.report import svg
from e2lm_scoring.report.charts import Chart, Label, Series, band_area, band_texts, reading, values_and_band
from e2lm_scoring.report.reveal import early_part
from e2lm_scoring.report.scales import (
    Axis,
    Tick,
    TokenUnit,
    checkpoint_positions,
    checkpoint_ticks,
    score_text,
    value_axis,
    value_ticks,
)
from e2lm_scoring.score_report import Alignment, Curve, GroupRanking, ModelSignal

UNIT_TICKS = [Tick(position, f"{position:g}") for position in (0.0, 0.25, 0.5, 0.75, 1.0)]


@dataclass(frozen=True, slots=True)
class SignalCard:
    """One signal model: its early curve, each score against the one before, and the numbers."""

    model: str
    style: str
    monotonicity: float
    autocorrelation: float
    sq: float
    improvement_z: float
    contrast_z: float | None  # None where the task has no contrast
    chart: Chart | None  # None when the model is withheld from the reader
    lag: Markup | None
    falls: int
    steps: int


def signal_card(number: int, signal: ModelSignal, curve: Curve | None, style: str, unit: TokenUnit) -> SignalCard:
    early = early_part(curve) if curve is not None else None
    scores = early.scores if early is not None else np.empty(0)
    identity = f"signal-{number}"
    drawn = scores.size > 1
    return SignalCard(
        model=signal.model,
        style=style,
        monotonicity=signal.monotonicity,
        autocorrelation=signal.autocorrelation,
        sq=signal.sq,
        improvement_z=signal.improvement_z,
        contrast_z=signal.contrast_z,
        chart=_early_curve(identity, early, style, unit) if early is not None and drawn else None,
        lag=_lag_scatter(f"{identity}-lag", signal.model, style, scores) if drawn else None,
        falls=int(np.sum(np.diff(scores) < 0)),
        steps=max(scores.size - 1, 0),
    )


def _early_curve(identity: str, curve: Curve, style: str, unit: TokenUnit) -> Chart:
    model, tokens, scores = curve.model, curve.tokens, curve.scores
    wrong = [] if curve.wrong is None else curve.wrong.tolist()
    axis = value_axis(values_and_band(curve), *wrong)
    positions = [axis.place(float(score)) for score in scores]
    x_positions = checkpoint_positions(len(positions))
    points = list(zip(x_positions, positions, strict=True))
    pairs = list(pairwise(points))
    y_ticks = value_ticks(axis, most=4)
    title = f"Early curve of {model}"
    low, high = ([] if ends is None else ends.tolist() for ends in (curve.low, curve.high))
    right_name = f"{model}, right labels" if wrong else model
    series = [Series(right_name, style, 0, positions, scores.tolist(), texts=band_texts(scores.tolist(), low, high))]
    if wrong:
        series.append(Series("wrong labels", "wrong", 1, [axis.place(value) for value in wrong], wrong))
    around = band_area(x_positions, [axis.place(value) for value in low], [axis.place(value) for value in high])
    falls = [pair for pair in pairs if pair[1][1] < pair[0][1]]
    description = (
        f"From {score_text(float(scores[0]))} at {unit.text(float(tokens[0]))} to {score_text(float(scores[-1]))} "
        f"at {unit.text(float(tokens[-1]))}; {len(falls)} of {len(pairs)} steps fall."
    )
    if wrong:
        description += f" With wrong labels: from {score_text(wrong[0])} to {score_text(wrong[-1])}."
    layers = [svg.across(tick.position, "grid") for tick in y_ticks]
    for one in series[1:]:
        layers.append(svg.group("series wrong", svg.line(list(zip(x_positions, one.positions, strict=True)), "line")))
    layers.append(svg.group(f"series {style} plain", *around, svg.line(points, "line"), svg.dots(points, "")))
    layers += [svg.line(pair, "fall") for pair in falls]
    layers.append(svg.dots([pair[1] for pair in falls], "fall-end"))
    return Chart(
        identity=identity,
        title=title,
        drawing=svg.picture(identity, title, description, *layers),
        x_ticks=checkpoint_ticks(tokens, unit, most=3),
        y_ticks=y_ticks,
        x_title=unit.symbol,
        y_title="",
        reading=reading(x_positions, [unit.text(float(amount)) for amount in tokens], series),
    )


def _lag_scatter(identity: str, model: str, style: str, scores: np.ndarray) -> Markup:
    """Each score against the one before it: the scatter plot behind the first lag of the autocorrelation."""
    axis = value_axis(scores)
    positions = [0.5 + 0.95 * (axis.place(float(score)) - 0.5) for score in scores]
    return svg.picture(
        identity,
        f"Each checkpoint of {model} against the one before it",
        "Points close to the rising diagonal mean that a checkpoint predicts the next one.",
        svg.line([(0.0, 0.0), (1.0, 1.0)], "diagonal"),
        svg.group(f"series {style}", svg.dots(list(pairwise(positions)), "")),
    )


@dataclass(frozen=True, slots=True)
class RankedModel:
    name: str
    style: str
    mean: float
    share: float  # fraction of the bar's width: 0 the lowest mean of the group, 1 the highest


@dataclass(frozen=True, slots=True)
class RankingCard:
    """One group: its order early, best first, and whether each late checkpoint agrees with it."""

    order: list[RankedModel]
    strip: Chart | None  # None when late checkpoints are withheld from the reader
    rc: float
    agreeing: int
    late: int


def ranking_card(number: int, group: GroupRanking, styles: dict[str, str], unit: TokenUnit) -> RankingCard:
    means = group.early_means
    span = float(means.max() - means.min()) or 1.0
    order = [
        RankedModel(
            group.models[index],
            styles.get(group.models[index], "hue-web dotted"),
            float(means[index]),
            float((means[index] - means.min()) / span),
        )
        for index in np.argsort(-means, kind="stable")
    ]
    return RankingCard(
        order=order,
        strip=_agreement_strip(f"ranking-{number}", group, unit) if group.agreement.size else None,
        rc=group.rc,
        agreeing=int(np.sum(group.agreement > 0.5)),
        late=int(group.agreement.size),
    )


def _agreement_strip(identity: str, group: GroupRanking, unit: TokenUnit) -> Chart:
    count = int(group.agreement.size)
    x_positions = checkpoint_positions(count)
    cells = []
    for position, agreement in zip(x_positions, group.agreement.tolist(), strict=True):
        kind = "agree" if agreement > 0.5 else "disagree" if agreement < 0.5 else "tie"
        low, high = sorted((0.5, 0.5 + 0.9 * (agreement - 0.5)))
        room = 0.4 / count
        # a tie is a sliver on the middle line, so that its checkpoint does not look missing
        low, high = (0.47, 0.53) if kind == "tie" else (low, high)
        cells.append(svg.band(position - room, position + room, f"cell {kind}", low, high))
    title = f"Agreement with the early order: {', '.join(group.models)}"
    agreeing = int(np.sum(group.agreement > 0.5))
    description = f"{agreeing} of {count} late checkpoints keep the early order; bars up agree, bars down disagree."
    series = Series("agreement", "", 0, (0.05 + 0.9 * group.agreement).tolist(), group.agreement.tolist())
    return Chart(
        identity=identity,
        title=title,
        drawing=svg.picture(identity, title, description, svg.across(0.5, "middle"), *cells),
        x_ticks=checkpoint_ticks(group.tokens, unit, most=5),
        y_ticks=[Tick(0.95, "same"), Tick(0.05, "reversed")],
        x_title=f"late checkpoints, {unit.symbol}",
        y_title="",
        reading=reading(x_positions, [unit.text(float(amount)) for amount in group.tokens], [series]),
    )


def alignment_chart(alignment: Alignment | None, styles: dict[str, str], unit: TokenUnit) -> Chart | None:
    """The two normalized curves and the gap between them; None when the pair is withheld or the suite has none."""
    if alignment is None or not alignment.tokens.size:
        return None
    science, web = alignment.science_normalized, alignment.web_normalized
    axis = Axis(-0.04, 1.04)
    x_positions = checkpoint_positions(science.size)
    upper = [axis.place(float(value)) for value in science]
    lower = [axis.place(float(value)) for value in web]
    ticks = [Tick(axis.place(tick.position), tick.label) for tick in UNIT_TICKS]
    series = [
        Series(alignment.science, styles.get(alignment.science, "hue-0 solid"), 0, upper, science.tolist()),
        Series(alignment.web, styles.get(alignment.web, "hue-web dotted"), 1, lower, web.tolist()),
    ]
    title = f"{alignment.science} against {alignment.web}, normalized"
    ahead = int(np.sum(science > web))
    layers = [svg.across(tick.position, "grid") for tick in ticks]
    layers += _gap(x_positions, upper, lower)
    for one in series:
        points = list(zip(x_positions, one.positions, strict=True))
        layers.append(svg.group(f"series {one.style}", svg.line(points, "line"), svg.dots(points, "")))
    description = (
        f"The science mixture is ahead at {ahead} of {science.size} early checkpoints; "
        f"the mean gap is {score_text(float(np.mean(science - web)))}."
    )
    return Chart(
        identity="alignment",
        title=title,
        drawing=svg.picture("alignment", title, description, *layers),
        x_ticks=checkpoint_ticks(alignment.tokens, unit, most=7),
        y_ticks=ticks,
        x_title=f"early checkpoints, {unit.symbol}",
        y_title="share of the range of both curves",
        reading=reading(x_positions, [unit.text(float(amount)) for amount in alignment.tokens], series),
        labels=_pair_labels(series),
        series=series,
    )


def _gap(x_positions: Sequence[float], upper: Sequence[float], lower: Sequence[float]) -> list[Markup]:
    """The area between two lines: one polygon per step, or two where the lines cross."""
    pieces = []
    for index in range(len(x_positions) - 1):
        x0, x1 = x_positions[index], x_positions[index + 1]
        left, right = upper[index] - lower[index], upper[index + 1] - lower[index + 1]
        edges = [(x0, upper[index], lower[index]), (x1, upper[index + 1], lower[index + 1])]
        if left * right < 0:
            share = left / (left - right)
            middle = upper[index] + share * (upper[index + 1] - upper[index])
            edges.insert(1, (x0 + share * (x1 - x0), middle, middle))
        for before, after in pairwise(edges):
            ahead = (before[1] - before[2]) + (after[1] - after[2])
            corners = [(before[0], before[1]), (after[0], after[1]), (after[0], after[2]), (before[0], before[2])]
            if ahead:
                pieces.append(svg.area(corners, "gap ahead" if ahead > 0 else "gap behind"))
    return pieces


def _pair_labels(series: Sequence[Series]) -> list[Label]:
    first, second = (one.positions[-1] for one in series)
    apart = 0.08 if abs(first - second) < 0.08 else 0.0
    upward = 1 if first >= second else -1
    return [
        Label(series[0].name, first + upward * apart / 2, series[0].style, 0),
        Label(series[1].name, second - upward * apart / 2, series[1].style, 1),
    ]
