"""How many items carry the score: the effective number of items.

A metric can weigh items, openly by a factor or by values that are larger for some of them: a score of 15,000 items may
be that of ten. The effective number is (sum of influences)^2 / sum of squared influences (Kish 1965, for the weights of
a survey): n where all items have the same influence, k where k of them have all of it. Ours; docs/validity.md has the
gate that is built on it.
"""

from __future__ import annotations

import numpy as np


def item_movements(item_scores: np.ndarray) -> np.ndarray:
    """The influence of each item: how far it moves the curves, (items,) float64, in the unit of the score.

    It is the root mean square distance of an item's scores from their mean. `item_scores` is (models, checkpoints,
    items), times the weights of the items. What an item adds to every score alike has no influence on any formula.
    """
    scores = np.asarray(item_scores, dtype=np.float64)
    movements: np.ndarray = scores.std(axis=(0, 1))
    return movements


def effective_items(item_scores: np.ndarray) -> float:
    """The effective number of items, from 1 to their number; 0 when no item moves.

    >>> steps = np.arange(8.0)[None, :, None]
    >>> effective_items(steps * np.array([1.0, 1, 1, 1])), round(effective_items(steps * np.array([1, 1e-6, 1e-6])), 3)
    (4.0, 1.0)
    """
    scores = np.asarray(item_scores, dtype=np.float64)
    greatest = float(np.abs(scores).max(initial=0.0)) or 1.0  # squares of very large scores have no number
    movements = item_movements(scores / greatest)
    movements /= movements.max(initial=0.0) or 1.0
    squares = float(np.sum(movements**2))
    return float(movements.sum() ** 2 / squares) if squares else 0.0
