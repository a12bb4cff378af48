"""Renders the report: the charts and texts that the reader may see, filled into the template."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from e2lm_scoring.columns import BY_KEY, COMPONENTS, ranked_by
from e2lm_scoring.own_machine import OwnMachine
from e2lm_scoring.report.advice import advise
from e2lm_scoring.report.charts import all_curves, line_styles
from e2lm_scoring.report.components import alignment_chart, ranking_card, signal_card
from e2lm_scoring.report.generalization_view import generalization_view
from e2lm_scoring.report.item_view import item_view, shown_items_data
from e2lm_scoring.report.labels import labels_view
from e2lm_scoring.report.order_map import order_map
from e2lm_scoring.report.palette import custom_properties
from e2lm_scoring.report.references import REFERENCES
from e2lm_scoring.report.reveal import redact, rounded, shows_everything
from e2lm_scoring.report.scales import score_text, token_unit
from e2lm_scoring.report.score_rows import score_rows
from e2lm_scoring.report.words import WORDS
from e2lm_scoring.score_report import ScoreReport

FOLDER = Path(__file__).parent
OWN_MACHINE_MARK = '<meta name="e2lm" content="own machine">'  # of a report that shows items or other metrics


@dataclass(frozen=True, slots=True)
class Contribution:
    """One component of the score: its value, its weight, and its segment of the stacked bar."""

    key: str
    name: str
    weight: str
    value: float | None  # None where the suite does not measure it
    product: float
    left: float  # percent of the bar
    width: float  # percent of the bar
    question: str
    interval: str  # "" where there is none


def render(score_report: ScoreReport, own_machine: OwnMachine | None = None, competition: str = "") -> str:
    """The report as one HTML document, with the name of the competition in its head.

    With a `score_report.reveal` other than "organizer", it holds no data of late checkpoints or web-only models,
    and no number with more digits than the leaderboard has. `own_machine` is shown beside it, on the author's own
    machine alone.
    """
    own_machine = own_machine or OwnMachine()
    everything = shows_everything(score_report)
    # hues are those of the whole suite, so that a model looks the same to participants and organizers
    web = score_report.alignment.web if score_report.alignment is not None else ""
    styles = line_styles(score_report.curves, web)
    shown = score_report if everything else rounded(redact(score_report))
    tokens = np.concatenate([curve.tokens for curve in shown.curves]) if shown.curves else np.empty(0)
    unit = token_unit(tokens)
    curves = {curve.model: curve for curve in shown.curves}
    script = "".join((FOLDER / name).read_text(encoding="utf-8") for name in ("report.js", "items.js"))
    html = (
        environment()
        .get_template("report.html.jinja")
        .render(
            score_report=shown,
            competition=competition,
            has_ranking=bool(shown.ranking) or shown.weights["ranking_consistency"] > 0,
            has_alignment=shown.alignment is not None or shown.weights["domain_alignment"] > 0,
            total=shown.scores.get("score"),
            everything=everything,
            contributions=_contributions(shown),
            chart=all_curves(shown.curves, styles, shown.metric, shown.chance, unit) if shown.curves else None,
            signal_cards=[
                signal_card(number, signal, curves.get(signal.model), styles.get(signal.model, "hue-0 solid"), unit)
                for number, signal in enumerate(shown.signal)
            ],
            of_own_machine=own_machine != OwnMachine(),
            own_machine_mark=Markup(OWN_MACHINE_MARK),
            unit=unit,
            advice=advise(shown, own_machine),
            references=REFERENCES.get(shown.suite, ()),
            metrics=own_machine.metrics if len(own_machine.metrics) > 1 else (),
            held_out_metrics=any(row.sq_held_out is not None for row in own_machine.metrics),
            shown_items=shown_items_data(own_machine.items) if own_machine.items is not None else None,
            words=WORDS,
            labels=labels_view(shown, unit),
            contrast_is_held="contrast_z" in shown.scores,
            generalization=generalization_view(shown, styles, unit),
            ranking_cards=[ranking_card(number, group, styles, unit) for number, group in enumerate(shown.ranking)],
            order_map=order_map(shown.curves, shown.ranking, unit),
            alignment=alignment_chart(shown.alignment, styles, unit),
            score_interval=_interval_text(shown, ranked_by(shown.scores)),
            items=item_view(shown.table, shown.subsets) if shown.table is not None else None,
            pruning=shown.pruning,
            rows=score_rows(shown.scores, shown.weights),
            style=Markup(custom_properties() + "\n" + (FOLDER / "report.css").read_text(encoding="utf-8")),
            script=Markup(script),
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
    )
    # a lone surrogate in a participant's text would stop the file from being written
    return html.encode("utf-8", errors="replace").decode("utf-8")


def is_of_own_machine(report: str) -> bool:
    """Whether a rendered report shows what is for its author alone."""
    return OWN_MACHINE_MARK in report.partition("</head>")[0]


def environment(folder: Path = FOLDER) -> Environment:
    """Jinja environment of a folder and this one, for its charts; texts are escaped, undefined names are errors."""
    environment = Environment(
        loader=FileSystemLoader([folder, FOLDER]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["score"] = score_text
    environment.filters["percent"] = lambda fraction: f"{100 * fraction:.2f}%"
    return environment


def _contributions(score_report: ScoreReport) -> list[Contribution]:
    """The components as segments of a bar whose full length is the highest possible score.

    One of weight 0 that the suite does not measure is no part of the score, and left out.
    """
    scores, weights = score_report.scores, score_report.weights
    whole = sum(weights.values()) or 1.0
    left = 0.0
    contributions = []
    for column in (BY_KEY[key] for key in COMPONENTS):
        value, weight = scores.get(column.key), weights[column.weight]
        if value is None and not weight:
            continue
        product = weight * (value or 0.0)
        width = 100 * max(product, 0.0) / whole
        contributions.append(
            Contribution(
                key=column.key,
                name=column.title,
                weight=f"{weight:g}",
                value=value,
                product=product,
                left=left,
                width=width,
                question=column.question,
                interval=_interval_text(score_report, column.key),
            )
        )
        left += width
    return contributions


def _interval_text(score_report: ScoreReport, key: str) -> str:
    found = score_report.intervals.get(key)
    return f"{found.low:.3f} to {found.high:.3f}" if found is not None else ""
