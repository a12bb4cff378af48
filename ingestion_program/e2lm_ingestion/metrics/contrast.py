"""The wrong-label contrast: how much of an item's score depends on which choice is marked as the right one.

A metric that measures how likely the text of an item is, whatever its answer, rises with training under any labels.
The contrast of an item is its score minus its mean score with wrong choices marked as right. It is 0 on average for
such a metric, and for random labels. Ours; docs/validity.md describes it and the gate that is built on it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from e2lm_ingestion.metrics.builtin import MetricFormula
from e2lm_ingestion.metrics.expression import Columns

MOST_LABELS = 16  # wrong labels of an item at most, evenly spaced: time for 100 choices


def contrast_scores(formula: MetricFormula, columns: Columns) -> np.ndarray | None:
    """f(right) - mean of f(wrong) for each item, (items,) float32; None where no item has a wrong choice.

    f is the metric. An item with one right choice has a wrong label for each wrong choice. With g right choices, a
    wrong label marks g choices, as many wrong ones among them as there are, and each wrong choice is marked equally
    often. In an expression, the column `number` moves with the labels, so that the place of the right choice gives no
    contrast. In a metric of classes (f1, mcc) it does not: there a number is a class and a wrong label is another one,
    so that a model which always names the same class has no contrast. An item whose contrast is not finite, or that has
    no wrong choice, gets 0.

    >>> from e2lm_ingestion.metrics.builtin import MULTIPLE_CHOICE_METRICS
    >>> values = {"ll": np.log([0.6, 0.2, 0.2]), "gold": np.array([1, 0, 0])}
    >>> columns = Columns(np.array([0, 3]), values)
    >>> [contrast_scores(MULTIPLE_CHOICE_METRICS[name].formula, columns).item() for name in ("acc", "margin")]
    [1.0, 0.800000011920929]
    """
    labels = _Labels(columns)
    if not labels.wrong.any():
        return None
    numbered = formula.is_mean and "number" in formula.names
    counts = np.minimum(labels.wrong_labels, MOST_LABELS)
    total = np.zeros(columns.items)
    for index in range(int(counts.max())):
        gold = labels.marked(index * labels.wrong_labels // counts)
        values = {**columns.values, "gold": gold}
        if numbered:
            values["number"] = labels.numbers(gold)
        total += np.where(index < counts, formula.values(replace(columns, values=values)), 0.0)
    with np.errstate(all="ignore"):
        contrast = np.asarray(formula.values(columns) - total / counts).astype(np.float32)
    return np.where(np.isfinite(contrast) & (labels.wrong > 0), contrast, np.float32(0))


class _Labels:
    """Right and wrong choices of all items, in flat arrays as in Columns."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._gold = columns.values["gold"].astype(bool)
        self._item = np.repeat(np.arange(columns.items), np.diff(columns.offsets))
        self.right = np.add.reduceat(self._gold.astype(np.int64), columns.offsets[:-1])  # (items,)
        self.wrong = np.diff(columns.offsets) - self.right  # (items,)
        self.wrong_labels = np.where(self.right <= self.wrong, self.wrong, self.right)  # (items,)

    def marked(self, start: np.ndarray) -> np.ndarray:
        """The choices that a wrong label marks, (choices,) bool; `start` (items,) counts an item's wrong labels."""
        few = (self.right <= self.wrong)[self._item]  # else all wrong choices are marked, and right ones beside them
        size = np.where(few, self.wrong[self._item], self.right[self._item])
        marks = np.where(few, self.right[self._item], (self.right - self.wrong)[self._item])
        place = np.where(self._gold, self._rank(self._gold), self._rank(~self._gold))
        in_window = (place - start[self._item]) % np.maximum(size, 1) < marks
        marked: np.ndarray = np.where(few, ~self._gold & in_window, ~self._gold | in_window)
        return marked

    def numbers(self, gold: np.ndarray) -> np.ndarray:
        """The column `number` where the choices marked by `gold` stand in the places of the right ones."""
        numbers = np.empty(len(gold))
        numbers[self._order(gold)] = self._columns.values["number"][self._order(self._gold)]
        return numbers

    def _rank(self, mask: np.ndarray) -> np.ndarray:
        """How many choices of the same item before each one are in the mask, (choices,)."""
        before = np.cumsum(mask) - mask
        rank: np.ndarray = before - before[self._columns.offsets[:-1]][self._item]
        return rank

    def _order(self, gold: np.ndarray) -> np.ndarray:
        order: np.ndarray = np.lexsort((~gold, self._item))
        return order
