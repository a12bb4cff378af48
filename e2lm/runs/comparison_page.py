"""The page of `e2lm compare`: runs as dots with intervals, P(A > B) as a table, early curves side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from e2lm_scoring.columns import BY_KEY, TOTAL_AND_COMPONENTS
from e2lm_scoring.report import svg
from e2lm_scoring.report.page import FOLDER
from e2lm_scoring.report.palette import custom_properties
from e2lm_scoring.report.scales import score_text, value_axis
from e2lm_scoring.score_report import ScoreReport

STYLE = """
.runs{display:grid;grid-template-columns:fit-content(40%) minmax(120px,1fr) max-content}
.runs{gap:10px 16px;align-items:center;margin-top:14px}
.runs svg{width:100%;height:22px;overflow:visible;border-bottom:1px solid var(--rule)}
.reach{stroke:var(--c);stroke-width:3}.small-multiple svg{width:100%;height:120px;overflow:visible}
@media (max-width:620px){.runs{grid-template-columns:minmax(0,1fr);gap:2px}.runs span{margin-bottom:14px}}
.scroll th{white-space:normal;overflow-wrap:anywhere;min-width:10em}
"""
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<title>Comparison of {{ names|length }} runs</title><style>{{ style }}</style></head><body>
<header class="masthead"><p class="eyebrow">Early Training Evaluation of Language Models · comparison of runs</p>
<h1>{{ names|length }} runs over <bdi>{{ suite }}</bdi></h1><p class="facts"></p></header><main>
{% for panel in panels %}<section class="card"><h2>{{ panel.name }}</h2>
<div class="runs">{% for row in panel.rows %}<b><bdi>{{ row.name }}</bdi></b>{{ row.drawing }}<span>{{ row.text }}</span>{% endfor %}</div>
</section>{% endfor %}
<section class="card"><h2>How sure the order is</h2>
<p class="lede">The probability that the row's {{ key }} is above the column's, had both been made of other items from the same sources. 0.5 is a coin toss.</p>
<div class="scroll" tabindex="0" role="region" aria-label="Probabilities"><table><thead><tr><th scope="col">Run</th>{% for name in names %}<th scope="col"><bdi>{{ name }}</bdi></th>{% endfor %}</tr></thead>
<tbody>{% for name in names %}<tr><th scope="row"><bdi>{{ name }}</bdi></th>{% for chance in chances[loop.index0] %}<td>{{ "" if chance is none else "%.3f"|format(chance) }}</td>{% endfor %}</tr>{% endfor %}</tbody></table></div></section>
<section class="card"><h2>Early curves</h2><p class="lede">Mean over the signal models, each on its own scale from its lowest to its highest score.</p>
<div class="cards">{% for curve in curves %}<article class="small-multiple hue-0"><h3><bdi>{{ curve.name }}</bdi></h3>{{ curve.drawing }}<p class="caption">{{ curve.text }}</p></article>{% endfor %}</div></section>
</main></body></html>
"""  # noqa: E501 (markup)


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
) -> str:
    """One self-contained HTML document without scripts; `chances` is P(row > column), None on the diagonal."""
    environment = Environment(loader=DictLoader({"page": PAGE}), autoescape=True, undefined=StrictUndefined)
    css = (FOLDER / "report.css").read_text(encoding="utf-8")
    page = environment.get_template("page").render(
        style=Markup(custom_properties() + css + STYLE),
        names=[name for name, _ in runs],
        suite=runs[0][1].suite,
        panels=[
            _panel(runs, column) for column in TOTAL_AND_COMPONENTS if any(column in one.scores for _, one in runs)
        ],
        key=BY_KEY[key].title.lower(),
        chances=chances,
        curves=[_curve(number, name, one, signal_models) for number, (name, one) in enumerate(runs)],
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
