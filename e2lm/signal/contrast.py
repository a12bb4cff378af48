"""The wrong-label contrast: how much an item's score owes to the right answer being marked as right.

For an item with choices, f(right choice) minus the mean of f with each wrong choice marked in its place, f being the
metric. A metric that does not look at the right answer has a contrast of 0, however steadily it rises: fluency, for
example, or the number of tokens that a model finds likely.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from e2lm_ingestion.metrics.builtin import MetricFormula, choice_columns


def wrong_label_contrast(
    formula: MetricFormula, items: Mapping[str, np.ndarray], answers: Mapping[str, np.ndarray]
) -> np.ndarray | None:
    """The contrast of every item, (items,) float32; None where an item has no single right choice among several.

    `items` and `answers` are the arrays of items.npz and of a checkpoint, as docs/results-format.md names them.
    """
    offsets, gold = items["choice_offsets"], items["gold"]
    counts = np.diff(offsets)
    right = np.add.reduceat(gold.astype(np.int64), offsets[:-1]) if len(counts) else counts
    if not len(counts) or counts.min() < 2 or (right != 1).any():
        return None
    number = np.flatnonzero(gold) - offsets[:-1]
    score = formula.item_scores(choice_columns(items, answers)).astype(np.float64)
    wrong = np.zeros(len(counts))
    for shift in range(1, int(counts.max())):
        marked = np.zeros(len(gold), dtype=bool)
        marked[offsets[:-1] + (number + shift) % counts] = True
        values = formula.item_scores(choice_columns({**items, "gold": marked}, answers))
        wrong += np.where(shift < counts, values, 0.0)
    contrast: np.ndarray = (score - wrong / (counts - 1)).astype(np.float32)
    return contrast
