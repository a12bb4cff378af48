"""The page of `e2lm compare`: runs as dots with intervals, P(A > B) as a table, early curves side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from markupsafe import Markup

from e2lm_scoring.columns import BY_KEY, TOTAL_AND_COMPONENTS
from e2lm_scoring.report import svg
from e2lm_scoring.report.page import FOLDER as REPORT_FOLDER
from e2lm_scoring.report.page import environment
from e2lm_scoring.report.palette import custom_properties
from e2lm_scoring.report.scales import score_text, value_axis
from e2lm_scoring.score_report import ScoreReport

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Row:
    """A run in one picture."""

    name: str
    drawing: Markup
    text: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One score of all runs on a common scale from 0 to 1."""

    name: str
    rows: list[Row]


def render_comparison(
    runs: Sequence[tuple[str, ScoreReport]],
    key: str,
    chances: Sequence[Sequence[float | None]],
    signal_models: Sequence[str],
    competition: str = "",
) -> str:
    """One self-contained HTML document without scripts; `chances` is P(row > column), None on the diagonal."""
    sheets = (REPORT_FOLDER / "report.css", FOLDER / "comparison.css")
    page = (
        environment(FOLDER)
        .get_template("comparison.html.jinja")
        .render(
            style=Markup(custom_properties() + "".join(sheet.read_text(encoding="utf-8") for sheet in sheets)),
            competition=competition,
            names=[name for name, _ in runs],
            suite=runs[0][1].suite,
            panels=[
                _panel(runs, column) for column in TOTAL_AND_COMPONENTS if any(column in one.scores for _, one in runs)
            ],
            key=BY_KEY[key].title.lower(),
            chances=chances,
            curves=[_curve(number, name, one, signal_models) for number, (name, one) in enumerate(runs)],
        )
    )
    return page.encode("utf-8", errors="replace").decode("utf-8")


def _panel(runs: Sequence[tuple[str, ScoreReport]], column: str) -> Panel:
    rows = []
    for number, (name, one) in enumerate(runs):
        if column not in one.scores:
            continue
        value, reach = one.scores[column], one.intervals[column]
        text = f"{score_text(value)} ({reach.low:.3f} to {reach.high:.3f})"
        drawing = svg.picture(
            f"{column}-{number}",
            f"{BY_KEY[column].title} of {name}",
            text,
            svg.group("hue-0", svg.line([(reach.low, 0.5), (reach.high, 0.5)], "reach"), svg.dots([(value, 0.5)], "")),
        )
        rows.append(Row(name, drawing, text))
    return Panel(BY_KEY[column].title, rows)


def _curve(number: int, name: str, score_report: ScoreReport, signal_models: Sequence[str]) -> Row:
    curves = [curve.scores[curve.early] for curve in score_report.curves if curve.model in signal_models]
    mean = np.mean(curves, axis=0)
    axis = value_axis(mean)
    points = [(index / (len(mean) - 1), axis.place(float(value))) for index, value in enumerate(mean)]
    text = f"{score_report.metric} from {score_text(float(mean[0]))} to {score_text(float(mean[-1]))}"
    shapes = svg.group("series hue-0 solid", svg.line(points, "line"), svg.dots(points, ""))
    return Row(name, svg.picture(f"curve-{number}", f"Early curve of {name}", text, shapes), text)
