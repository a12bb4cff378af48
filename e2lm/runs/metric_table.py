"""The scores of one finished run under every metric of its output type: no model is asked again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.results.rescoring import AnotherMetric, KeptAnswers
from e2lm_scoring.inputs.configuration import Configuration
from e2lm_scoring.inputs.results import Results
from e2lm_scoring.own_machine import MetricRow
from e2lm_scoring.scores import key_scores

Checkpoint = tuple[str, int]  # model, iteration
Scores = dict[Checkpoint, np.ndarray]  # (items,) float32 each


def metric_table(kept: KeptAnswers, read: Results, configuration: Configuration) -> tuple[MetricRow, ...]:
    """A row for each metric, eligible ones first, each part in order of the score; equal metrics share a row.

    `kept` and `read` are of the same results. Left out are metrics that the answers do not fit, such as acc_mutual_info
    where the log-likelihoods without a prompt were not computed.
    """
    arrays = {(row["model"], row["iteration"]): kept.arrays(row) for row in kept.rows}
    distinct: list[tuple[list[str], AnotherMetric, Scores, Scores]] = []
    for name in kept.metrics:
        try:
            another = kept.under(name)
            scores = {
                key: another.scores(arrays[key], with_contrast=False)["item_scores"] for key in configuration.needed
            }
        except SubmissionError:
            continue
        contrasts = _contrasts(another, arrays, configuration)
        equal = next((row for row in distinct if _agree(row[2], scores) and _agree(row[3], contrasts)), None)
        if equal is not None:
            equal[0].append(name)
        else:
            distinct.append(([name], another, scores, contrasts))
    rows = [
        _row(names, _under(another, scores, contrasts, read), configuration, is_own=read.file.metric in names)
        for names, another, scores, contrasts in distinct
    ]
    return tuple(sorted(rows, key=lambda row: (not row.eligible, -row.ranked)))


def _contrasts(
    another: AnotherMetric, arrays: Mapping[Checkpoint, Mapping[str, np.ndarray]], configuration: Configuration
) -> Scores:
    """The contrasts that the gate reads; none where the task has none."""
    early = [
        (model, iteration) for model in configuration.signal_models for iteration in configuration.early.iterations
    ]
    if "contrast_scores" not in another.scores(arrays[early[0]]):
        return {}
    return {key: another.scores(arrays[key])["contrast_scores"] for key in early}


def _agree(one: Scores, other: Scores) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[key], other[key]) for key in one)


def _row(names: list[str], results: Results, configuration: Configuration, *, is_own: bool) -> MetricRow:
    scores = key_scores(results, configuration)
    return MetricRow(
        metric=names[0],
        same=tuple(names[1:]),
        is_own=is_own,
        ranked=scores["score"] if "score" in scores else scores["sq"],
        sq=scores["sq"],
        sq_held_out=scores.get("sq_held_out"),
        contrast_z=scores.get("contrast_z"),
        label_share=scores.get("label_share"),
        eligible=bool(scores["eligible"]),
    )


def _under(metric: AnotherMetric, scores: Scores, contrasts: Scores, read: Results) -> Results:
    """The checked results with another metric's item scores, weighted as there."""
    weights = read.file.item_weights
    head = {key: metric.head[key] for key in ("metric", "higher_is_better", "chance")}
    return replace(
        read,
        file=read.file.model_copy(update=head),
        item_scores={key: own * weights for key, own in scores.items()},
        contrast_scores={key: own * weights for key, own in contrasts.items()},
    )
