"""FineTasks' criteria for benchmarks of early training, reported beside the score and never ranked.

Source: FineWeb2 and FineTasks (arXiv 2506.20920). Their mean Spearman correlation is `signal_quality.spearman` averaged
over the signal models, not clipped at 0; 0.5 or more is good.
"""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
from numpy.typing import ArrayLike

from e2lm_scoring.formulas.ranking_consistency import pair_order
from e2lm_scoring.formulas.signal_to_noise import checkpoint_noise


def ordering_consistency(early: ArrayLike) -> float:
    """Mean Kendall's tau-a between the rankings at consecutive checkpoints of the second half, in [-1, 1].

    `early` is (models, checkpoints), higher is better; the second half starts at checkpoint floor(n / 2), counted from
    0. A pair of models that ties at either checkpoint counts 0. Raises ValueError for fewer than two models, fewer than
    two checkpoints in the second half, or a value that is not finite.

    >>> ordering_consistency([[1.0, 1, 1, 4], [2.0, 2, 2, 2], [3.0, 3, 3, 3]])
    -0.3333333333333333
    """
    scores = _checked(early)
    second_half = scores[:, scores.shape[1] // 2 :]
    if second_half.shape[1] < 2:
        raise ValueError("ordering consistency needs two or more checkpoints in the second half")
    pairs = list(combinations(range(len(scores)), 2))
    orders = np.stack([pair_order(second_half[a], second_half[b]) for a, b in pairs], axis=1)
    return float(np.mean([np.mean(before * after) for before, after in pairwise(orders)]))


def non_randomness(early: ArrayLike, chance: float) -> float:
    """(best last score - chance) / noise: the best model's distance from chance in units of checkpoint noise.

    `early` is (models, checkpoints), oriented like `chance`; noise is `signal_to_noise.checkpoint_noise`; 3 or more is
    good. 0 by convention where scores never move, as for the signal-to-noise ratio. Raises ValueError for a value that
    is not finite.

    >>> round(non_randomness([[0.25, 0.3, 0.4, 0.3, 0.4, 0.35]], chance=0.25), 4)
    2.0
    """
    scores = np.asarray(early, dtype=np.float64)
    if not scores.size or not np.isfinite(scores).all() or not np.isfinite(chance):
        raise ValueError("non-randomness needs finite scores and a finite chance level")
    noise = checkpoint_noise(scores)
    return (float(scores[:, -1].max()) - chance) / noise if noise else 0.0


def _checked(early: ArrayLike) -> np.ndarray:
    scores = np.asarray(early, dtype=np.float64)
    if scores.ndim != 2 or len(scores) < 2:
        raise ValueError("ordering consistency needs two or more models (models, checkpoints)")
    if not np.isfinite(scores).all():
        raise ValueError("ordering consistency needs finite scores")
    return scores
