"""Log-likelihoods -> a score per item, for all items at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from e2lm_ingestion.prompts import Item


@dataclass(frozen=True, slots=True)
class Choices:
    """The choices of all items, flat: those of item i are offsets[i] .. offsets[i + 1] - 1."""

    offsets: np.ndarray  # (items + 1,) int64
    gold: np.ndarray  # (items,) int64: the right choice's number within its item
    chars: np.ndarray  # (choices,) int64: Unicode characters of the choice, delimiter not counted

    @property
    def chance(self) -> float:
        """Mean over the items of the share of right answers that guessing gives."""
        return float(np.mean(1.0 / np.diff(self.offsets)))


def choices_of(items: Sequence[Item]) -> Choices:
    """The columns that metrics need."""
    offsets = np.zeros(len(items) + 1, dtype=np.int64)
    np.cumsum([len(item.choices) for item in items], out=offsets[1:])
    gold = np.asarray([item.gold for item in items], dtype=np.int64)
    chars = np.asarray([len(choice) for item in items for choice in item.choices], dtype=np.int64)
    return Choices(offsets, gold, chars)


def item_scores(metric: str, loglikelihoods: np.ndarray, choices: Choices) -> np.ndarray:
    """Score every item: `acc`, or `acc_norm` (log-likelihood per character, as in lm-evaluation-harness).

    `loglikelihoods` is (choices,) in nats. Returns (items,) float32 in [0, 1]. The item counts as right when its gold
    choice has the highest value; k choices that tie for the highest share the point, 1 / k each.
    """
    values = loglikelihoods.astype(np.float64)
    if metric == "acc_norm":
        values = values / choices.chars
    elif metric != "acc":
        raise ValueError(f"unknown metric {metric!r}")
    starts = choices.offsets[:-1]
    best = np.maximum.reduceat(values, starts)
    is_best = values == np.repeat(best, np.diff(choices.offsets))
    ties = np.add.reduceat(is_best.astype(np.int64), starts)
    scores: np.ndarray = (is_best[starts + choices.gold] / ties).astype(np.float32)
    return scores
