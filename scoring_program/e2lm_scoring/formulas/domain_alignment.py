"""Domain alignment: does a model trained on science do better at the task than the same model trained on the web only?

The hidden web-only model is the organizers' (arXiv 2506.07731). They published no formula and no value of CS; this one
is ours, and docs/metrics.md says what else would fit what they published.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def domain_alignment(science: ArrayLike, web: ArrayLike) -> float:
    """CS in [0, 1] from the two models' scores on the same early checkpoints, (checkpoints,) each, higher is better.

    Both curves are scaled by the least and the greatest score of the two, N(x) = (x - lo) / (hi - lo), so that the unit
    does not matter; CS = max(0, mean of N(science) - N(web)), and 0 where all scores are equal. Raises ValueError for
    curves of different length, empty ones, or a value that is not finite.

    >>> domain_alignment([0.2, 0.4, 0.6], [0.2, 0.2, 0.3])
    0.4166666666666667
    """
    return float(domain_alignments(science, web))


def domain_alignments(science: ArrayLike, web: ArrayLike) -> np.ndarray:
    """CS of many pairs of curves at once, (..., checkpoints) each -> (...); the formula of `domain_alignment`."""
    science_normalized, web_normalized = normalized_pair(science, web)
    mean_gap: np.ndarray = np.mean(science_normalized - web_normalized, axis=-1)
    return np.where(mean_gap > 0, mean_gap, 0.0)


def gain_alignment(science: ArrayLike, web: ArrayLike) -> float:
    """cs_gain in [0, 1]: the share of the gain on science that training on the web only does not give.

    G = max(0, mean of the last three contrasts with wrong labels), which guessing leaves at 0; cs_gain = max(0,
    (G_science - G_web) / G_science), and 0 where G_science is 0. `science` and `web` are (early checkpoints,). Ours,
    reported beside CS and never ranked: a metric that any science text improves has no gain.

    >>> gain_alignment([0.0, 0.1, 0.3, 0.4, 0.5], [0.0, 0.0, 0.1, 0.1, 0.1])
    0.75
    """
    gains = [max(0.0, float(np.mean(np.asarray(curve, dtype=np.float64)[-3:]))) for curve in (science, web)]
    return round(max(0.0, 1 - gains[1] / gains[0]), 12) if gains[0] > 0 else 0.0


def normalized_pair(science: ArrayLike, web: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """N of both curves, (..., checkpoints) each in [0, 1]; zeros where hi = lo. Raises as `domain_alignment`."""
    one, other = np.asarray(science, dtype=np.float64), np.asarray(web, dtype=np.float64)
    if not one.ndim or one.shape != other.shape or not one.size:
        raise ValueError("alignment needs two curves over the same checkpoints")
    both = np.concatenate([one, other], axis=-1)
    if not np.isfinite(both).all():
        raise ValueError("alignment needs finite scores")
    low, high = both.min(axis=-1, keepdims=True), both.max(axis=-1, keepdims=True)
    span = np.where(high > low, high - low, 1.0)
    return (one - low) / span, (other - low) / span
