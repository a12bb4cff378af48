"""Decision accuracy: how often an early choice between two models is the right one at the end of training."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from e2lm_scoring.formulas.ranking_consistency import pair_order


def decision_accuracy(early_means: ArrayLike, final: ArrayLike) -> float:
    """Share of model pairs with the same order early and at the last checkpoint, in [0, 1].

    Both are (models,), higher is better. A pair that ties early or at the end is a coin toss and counts 1/2. Source:
    DataDecide (arXiv 2504.11393), with its 0/1 per pair; the rule for ties is ours. Reported, never ranked. Raises
    ValueError for fewer than two models, arrays of different length, or a value that is not finite.

    >>> decision_accuracy([0.1, 0.2, 0.3], [0.5, 0.4, 0.6])
    0.6666666666666666
    """
    first, last = np.asarray(early_means, dtype=np.float64), np.asarray(final, dtype=np.float64)
    if first.ndim != 1 or first.shape != last.shape or len(first) < 2:
        raise ValueError("decision accuracy needs two or more models, the same ones early and at the end")
    if not (np.isfinite(first).all() and np.isfinite(last).all()):
        raise ValueError("decision accuracy needs finite scores")
    a, b = np.asarray(list(combinations(range(len(first)), 2))).T
    return float(np.mean((pair_order(first[a], first[b]) * pair_order(last[a], last[b]) + 1) / 2))
