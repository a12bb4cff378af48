"""The page of `e2lm signal`: a table of all benchmarks, small multiples of their curves, orders of models."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from markupsafe import Markup

from e2lm.signal.curves import NOTES
from e2lm.signal.measures import Curve, error_band
from e2lm.signal.table import records
from e2lm_scoring.report import svg
from e2lm_scoring.report.charts import DASHES, Chart, Series, band_area, band_texts, reading
from e2lm_scoring.report.page import FOLDER as REPORT_FOLDER
from e2lm_scoring.report.page import environment
from e2lm_scoring.report.palette import SERIES_HUES, custom_properties
from e2lm_scoring.report.scales import (
    Axis,
    Tick,
    TokenUnit,
    score_text,
    token_axis,
    token_ticks,
    token_unit,
    value_axis,
    value_ticks,
)

FOLDER = Path(__file__).parent
STEPS = TokenUnit("", "training steps", 1.0)
THOUSANDS = TokenUnit("k", "thousands of training steps", 1e-3)
MANY_STEPS = 50_000
HEADINGS = {  # columns of the table: their heading, and what it means
    "suite_sq": ("suite SQ", "mean SQ over the suite's signal models"),
    "sq": ("SQ", "signal quality: the mean of monotonicity and autocorrelation"),
    "monotonicity": ("mono", "rank correlation of score and training, not below 0"),
    "autocorrelation": ("ac", "how well a curve predicts itself a few checkpoints on"),
    "improvement_z": (
        "z",
        "rise from the first three to the last three checkpoints, in standard errors over items; after ≈ an "
        "approximation from the scores' standard errors",
    ),
    "contrast_z": ("contrast z", "the same of the wrong-label contrast: 0 where the right answer does not matter"),
    "non_randomness": ("non-random", "distance of the last score from chance, in units of checkpoint noise"),
    "snr": ("SNR", "distance between models in units of checkpoint noise"),
    "ordering_consistency": ("ordering", "agreement of the orders of models at consecutive checkpoints"),
    "decision_accuracy": ("decision", "share of pairs of models whose early order is their last"),
    "leaves_chance_tokens": ("leaves chance at", "tokens from which three checkpoints in a row are above chance"),
    "leaves_chance_step": ("leaves chance at step", "step from which three checkpoints in a row are above chance"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table: the values that are shown, and those that it is sorted by."""

    model: str
    style: str
    slot: int
    metric: str
    checkpoints: int
    sq: str  # "" where there is none
    cells: list[tuple[str, str]]  # (text, number or "")
    note: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One benchmark under one metric."""

    identity: str
    benchmark: str
    metric: str
    chart: Chart
    rows: list[Row]
    best: dict[str, str]  # what panels are sorted by
    slots: str


def render_signal(table: pd.DataFrame, curves: Sequence[Curve], orders: pd.DataFrame | None = None) -> str:
    """One self-contained HTML document; `table` and `orders` come from `signal_table` and `rankings`."""
    models = list(dict.fromkeys(curve.model for curve in sorted(curves, key=lambda curve: curve.model)))
    slots = {model: slot for slot, model in enumerate(models)}
    shown = [key for key in HEADINGS if key in table and table[key].notna().any()]
    by_benchmark: dict[tuple[str, str], list[Curve]] = {}
    for curve in curves:
        by_benchmark.setdefault((curve.benchmark, curve.metric), []).append(curve)
    rows: dict[tuple[str, str], list[Row]] = {}
    for record in records(table):
        key = (str(record["benchmark"]), str(record["metric"]))
        rows.setdefault(key, []).append(_row(record, shown, slots))
    panels = [
        _panel(number, key, by_benchmark[key], members, slots, shown)
        for number, (key, members) in enumerate(rows.items())
    ]
    script = (REPORT_FOLDER / "report.js").read_text(encoding="utf-8") + (FOLDER / "signal.js").read_text("utf-8")
    sheets = (REPORT_FOLDER / "report.css", FOLDER / "signal.css")
    page = (
        environment(FOLDER)
        .get_template("signal.html.jinja")
        .render(
            models=[(model, slot, _style(slot)) for model, slot in slots.items()],
            panels=panels,
            headings=[(key, *HEADINGS[key]) for key in shown],
            orders=[] if orders is None or orders.empty else records(orders),
            notes=table.attrs.get(NOTES, ()),
            checkpoints=len({(curve.model, position) for curve in curves for position in curve.positions.tolist()}),
            style=Markup(custom_properties() + "\n" + "".join(sheet.read_text(encoding="utf-8") for sheet in sheets)),
            script=Markup(script),
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
    )
    return page.encode("utf-8", errors="replace").decode("utf-8")


def _style(slot: int) -> str:
    return f"hue-{slot % SERIES_HUES} {DASHES[slot // SERIES_HUES % len(DASHES)]}"


def _row(record: dict[str, object], shown: Sequence[str], slots: dict[str, int]) -> Row:
    cells = [_cell(key, record) for key in shown]
    slot = slots[str(record["model"])]
    return Row(
        model=str(record["model"]),
        style=_style(slot),
        slot=slot,
        metric=str(record["metric"]),
        checkpoints=int(str(record["checkpoints"])),
        sq=_cell("sq", record)[0] if math.isfinite(_number(record["sq"])) else "",
        cells=cells,
        note=str(record["note"]),
    )


def _cell(key: str, record: dict[str, object]) -> tuple[str, str]:
    value = _number(record[key])
    if not math.isfinite(value):
        return "–", ""
    if key == "leaves_chance_tokens":
        return token_unit(np.asarray([value / 1e9])).text(value / 1e9), repr(value)
    if key == "leaves_chance_step":
        return f"{value:,.0f}", repr(value)
    if key in ("improvement_z", "contrast_z", "snr", "non_randomness"):
        approximate = key == "improvement_z" and record["z_from"] == "standard errors"
        return f"{'≈ ' if approximate else ''}{value:.1f}".replace("-", "−"), repr(value)
    text = f"{value:.4f}" if key in ("sq", "suite_sq") else f"{value:.3f}"
    low, high = _number(record["sq_low"]), _number(record["sq_high"])
    if key == "sq" and math.isfinite(low):
        text += f" ({low:.2f} to {high:.2f})"
    return text.replace("-", "−"), repr(value)


def _number(value: object) -> float:
    return math.nan if value is None else float(value)  # type: ignore[arg-type]  # numbers of the table


def _panel(
    number: int,
    key: tuple[str, str],
    curves: Sequence[Curve],
    rows: list[Row],
    slots: dict[str, int],
    shown: Sequence[str],
) -> Panel:
    best = {
        name: max((row.cells[at][1] for row in rows if row.cells[at][1]), key=float, default="")
        for at, name in enumerate(shown)
    }
    return Panel(
        identity=f"panel-{number}",
        benchmark=key[0],
        metric=key[1],
        chart=_chart(f"panel-{number}-curve", curves, slots),
        rows=rows,
        best=best,
        slots=" ".join(str(row.slot) for row in rows),
    )


def _chart(identity: str, curves: Sequence[Curve], slots: dict[str, int]) -> Chart:
    """Every model's curve on one benchmark, in the metric's own direction, with bands where they are known."""
    has_tokens = all(np.isfinite(curve.tokens).all() for curve in curves)
    scale = 1e9 if has_tokens else 1.0
    places = [(curve.positions if has_tokens else _steps(curve)) / scale for curve in curves]
    grid = np.unique(np.concatenate(places))
    unit = token_unit(grid) if has_tokens else THOUSANDS if grid[-1] >= MANY_STEPS else STEPS
    x_axis = _progress_axis(grid)
    bands = [error_band(curve) for curve in curves]
    ends = [end for band in bands if band is not None for end in band]
    y_axis = value_axis(np.concatenate([*(curve.raw for curve in curves), *ends]))
    series = [
        _series(curve, own, band, grid, y_axis, slots[curve.model])
        for curve, own, band in zip(curves, places, bands, strict=True)
    ]
    positions = [x_axis.place(float(amount)) for amount in grid]
    title = f"{curves[0].metric} of {curves[0].benchmark} over training"
    y_ticks = value_ticks(y_axis, most=4)
    layers = [svg.across(tick.position, "grid") for tick in y_ticks]
    chance = next((curve.chance for curve in curves if curve.chance is not None), None)
    is_near = chance is not None and 0 <= y_axis.place(chance) <= 1
    if chance is not None and is_near:
        layers.append(svg.across(y_axis.place(chance), "chance"))
    layers += [_drawn(one, positions) for one in series]
    described = " ".join(
        f"{curve.model}: from {score_text(float(curve.raw[0]))} to {score_text(float(curve.raw[-1]))}."
        for curve in curves
    )
    direction = "" if curves[0].higher_is_better else ", lower is better"
    return Chart(
        identity=identity,
        title=title,
        drawing=svg.picture(identity, title, described, *layers),
        x_ticks=token_ticks(x_axis, unit),
        y_ticks=y_ticks,
        x_title=unit.name + (", log scale" if x_axis.logarithmic else ""),
        y_title=f"{curves[0].metric}{direction}",
        reading=reading(positions, [_read_at(float(amount), unit, has_tokens) for amount in grid], series),
        series=series,
        chance=Tick(y_axis.place(chance), f"chance {score_text(chance)}") if chance is not None and is_near else None,
        logarithmic=x_axis.logarithmic,
    )


def _read_at(amount: float, unit: TokenUnit, has_tokens: bool) -> str:
    return unit.text(amount) if has_tokens else f"step {amount:,.0f}"


def _progress_axis(grid: np.ndarray) -> Axis:
    """Linear for checkpoints at even distances, logarithmic where those get longer as training goes on."""
    distances = np.diff(grid)
    if len(distances) > 1 and distances.max() <= 3 * np.median(distances):
        margin = 0.02 * (grid[-1] - grid[0])
        return Axis(float(grid[0] - margin), float(grid[-1] + margin))
    return token_axis(grid)


def _steps(curve: Curve) -> np.ndarray:
    return np.asarray([np.nan if step is None else step for step in curve.steps], dtype=np.float64)


def _series(
    curve: Curve, own: np.ndarray, band: tuple[np.ndarray, np.ndarray] | None, grid: np.ndarray, y_axis: Axis, slot: int
) -> Series:
    def on_grid(values: np.ndarray) -> list[float]:
        at = dict(zip(own.tolist(), values.tolist(), strict=True))
        return [float(at.get(place, math.nan)) for place in grid.tolist()]

    values = on_grid(curve.raw)
    low, high = ([], []) if band is None else (on_grid(band[0]), on_grid(band[1]))
    return Series(
        name=curve.model,
        style=_style(slot),
        slot=slot,
        positions=[y_axis.place(value) for value in values],
        values=values,
        low=[y_axis.place(value) for value in low],
        high=[y_axis.place(value) for value in high],
        texts=band_texts(values, low, high),
    )


def _drawn(one: Series, positions: Sequence[float]) -> Markup:
    points = [point for point in zip(positions, one.positions, strict=True) if math.isfinite(point[1])]
    return svg.group(
        f"series slot-{one.slot} {one.style}", *band_area(positions, one.low, one.high), svg.line(points, "line")
    )
