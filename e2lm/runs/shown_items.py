"""The items of a run with what the models preferred or wrote, for the report on one's own machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from e2lm_ingestion.output_types.generate_until import unpacked
from e2lm_ingestion.output_types.protocol import Item
from e2lm_ingestion.results.rescoring import KeptAnswers
from e2lm_scoring.curves import window_items, window_tokens
from e2lm_scoring.inputs.configuration import Configuration
from e2lm_scoring.inputs.results import Results
from e2lm_scoring.items import item_trends
from e2lm_scoring.own_machine import ShownItem, ShownItems

LOWEST, HIGHEST = 300, 100  # items by trend; a report with 15,000 items and their texts would be too large to open
LONGEST = 1500  # characters of a text
LONGEST_WRITTEN = 120  # characters of what a model wrote at one checkpoint


def shown_items(kept: KeptAnswers, read: Results, configuration: Configuration, items: Sequence[Item]) -> ShownItems:
    """The items, at most 400: those with the lowest trend and with the highest; in the order of the test file.

    `kept` and `read` are of the same results, `items` the submission's, in order.
    """
    models, iterations = configuration.signal_models, configuration.early.iterations
    rows = {(row["model"], row["iteration"]): row for row in kept.rows}
    scores = np.stack([window_items(read, model, iterations) for model in models]) / read.file.item_weights
    chosen = _chosen(item_trends(scores.astype(np.float64)))
    choose = _likeliest if "choice_offsets" in kept.items else None
    preferred, written = [], []
    for model in models:
        arrays = [kept.arrays(rows[(model, iteration)]) for iteration in iterations]
        if choose is not None and "loglikelihoods" in arrays[0]:
            preferred.append([choose(kept.items, own, read.file.metric)[chosen] for own in arrays])
        elif "generations" in arrays[0]:
            written.append([[text[:LONGEST_WRITTEN] for text in unpacked("generation", own)] for own in arrays])
    return ShownItems(
        models=models,
        tokens=tuple(float(amount) for amount in window_tokens(read, models[0], iterations)),
        items=tuple(
            ShownItem(
                number=number,
                text=_text(items[number]),
                choices=_choices(items[number]),
                right=items[number].gold,
                preferred=tuple(tuple(int(own[at]) for own in one) for one in preferred)
                if len(items[number].choices) > 1
                else (),
                written=tuple(tuple(own[number] for own in one) for one in written),
                scores=tuple(scores[:, :, number].mean(axis=0).round(4).tolist()),
            )
            for at, number in enumerate(chosen.tolist())
        ),
        count=len(items),
    )


def _chosen(trends: np.ndarray) -> np.ndarray:
    if len(trends) <= LOWEST + HIGHEST:
        return np.arange(len(trends))
    order = np.argsort(trends, kind="stable")
    return np.sort(np.concatenate([order[:LOWEST], order[-HIGHEST:]]))


def _likeliest(items: Mapping[str, np.ndarray], answers: Mapping[str, np.ndarray], metric: str) -> np.ndarray:
    """The number of each item's likeliest choice, as the metric measures it, (items,) int."""
    likely = answers["loglikelihoods"].astype(np.float64)
    if metric == "acc_mutual_info":
        likely = likely - answers["loglikelihoods_unconditional"]
    elif metric in ("acc_norm", "acc_bytes"):
        likely = likely / items["chars" if metric == "acc_norm" else "bytes"]
    starts, counts = items["choice_offsets"][:-1], np.diff(items["choice_offsets"])
    number = np.arange(len(likely)) - np.repeat(starts, counts)
    best = np.repeat(np.maximum.reduceat(likely, starts), counts)
    first: np.ndarray = np.minimum.reduceat(np.where(likely == best, number, counts.max()), starts)
    return first


def _text(item: Item) -> str:
    return _short(item.contexts[0][item.head :]) if len(item.contexts) == 1 else ""


def _choices(item: Item) -> tuple[str, ...]:
    if len(item.contexts) == 1:
        return tuple(_short(choice) for choice in item.choices)
    return tuple(_short(context[item.head :] + text) for context, text in item.pairs)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"
