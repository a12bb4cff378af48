"""Ranking consistency: does the order of models early in training hold late in training?

Source: E2LM proposal (arXiv 2506.07731) for the structure; the early reference (mean early score) is reconstructed from
its figures: it gives the published 14/47 for the 0.5B pair on MMLU and 1 on HellaSwag.
"""

from __future__ import annotations

from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from e2lm_scoring.formulas.signal_quality import ROUNDING

Reference = Literal["each", "final"]


def ranking_consistency(early: ArrayLike, late: ArrayLike, *, reference: Reference = "each") -> float:
    """Ranking consistency of one group of models, in [0, 1].

    `early` is (models, early checkpoints) and `late` (models, late checkpoints), higher is better, checkpoints in order
    of training. The models are ranked by their mean early score; RC is the mean over the late checkpoints of
    (tau + 1) / 2, with tau = (concordant - discordant) / pairs and ties counting 0. `reference="final"` compares with
    the last late checkpoint alone. Raises ValueError for fewer than two models, no checkpoint, or a value not finite.

    >>> ranking_consistency([[0.3, 0.4], [0.2, 0.3]], [[0.5, 0.5, 0.5, 0.6], [0.4, 0.6, 0.5, 0.5]])
    0.625
    """
    return float(ranking_consistencies(early, late, reference=reference))


def ranking_consistencies(early: ArrayLike, late: ArrayLike, *, reference: Reference = "each") -> np.ndarray:
    """RC of many results at once, (..., models, checkpoints) -> (...); the formula of `ranking_consistency`."""
    late_scores = np.asarray(late, dtype=np.float64)
    if reference == "final":
        late_scores = late_scores[..., -1:]
    mean: np.ndarray = np.mean(ranking_agreement(early, late_scores), axis=-1)
    return mean


def ranking_agreement(early: ArrayLike, late: ArrayLike) -> np.ndarray:
    """(tau + 1) / 2 at each late checkpoint, (..., late checkpoints) in [0, 1].

    `early` is (..., models, early checkpoints), `late` (..., models, late checkpoints). Raises as
    `ranking_consistency`.
    """
    first, last = np.asarray(early, dtype=np.float64), np.asarray(late, dtype=np.float64)
    if first.ndim < 2 or last.ndim != first.ndim or first.shape[:-1] != last.shape[:-1] or first.shape[-2] < 2:
        raise ValueError("ranking needs two or more models, the same ones early (models, checkpoints) and late")
    if not first.size or not last.size or not (np.isfinite(first).all() and np.isfinite(last).all()):
        raise ValueError("ranking needs finite scores at one or more early and late checkpoints")
    means = first.mean(axis=-1)
    signs = [
        pair_order(means[..., a, None], means[..., b, None]) * pair_order(last[..., a, :], last[..., b, :])
        for a, b in combinations(range(first.shape[-2]), 2)
    ]
    tau: np.ndarray = np.mean(signs, axis=0)
    return (tau + 1) / 2


def pair_order(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """1 where `one` is above `other`, -1 below, 0 for a tie: equal up to the rounding of a mean. Same shape as both.

    A mean of the same scores added up in another order differs in its last digit, which would break the tie.

    >>> pair_order(np.array([0.3, 0.4]), np.array([0.1 + 0.2, 0.3])).tolist()
    [0.0, 1.0]
    """
    difference = one - other
    tie = np.abs(difference) <= ROUNDING * np.maximum(np.abs(one), np.abs(other))
    return np.where(tie, 0.0, np.sign(difference))


def kendall_tau(early_means: ArrayLike, final: ArrayLike) -> float:
    """Kendall's tau-b of all models between early and final scores, in [-1, 1]; 0 where every model ties.

    >>> round(kendall_tau([0.1, 0.2, 0.3], [0.5, 0.4, 0.6]), 4)
    0.3333
    """
    from scipy.stats import kendalltau  # not at the top: rejected input need not wait a second for this import

    tau = float(kendalltau(np.asarray(early_means), np.asarray(final)).statistic)
    return tau if np.isfinite(tau) else 0.0
