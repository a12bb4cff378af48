"""Signal quality: does a model's benchmark score rise, and smoothly, while it is early in training?

Source: E2LM proposal (arXiv 2506.07731) and the organizers' starting kit. Two things differ from the notebook, and only
where it is ambiguous: ties get midranks (its unstable sort depends on the CPU; `sq_published` has stable ordinal ranks
beside it), and a constant curve scores 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

MIN_CHECKPOINTS = 8
ROUNDING = 8 * float(np.finfo(np.float64).eps)  # share of a score's size below which a spread is rounding alone


@dataclass(frozen=True, slots=True)
class SignalQuality:
    """Signal quality of one model; every value is in [0, 1]."""

    monotonicity: float
    autocorrelation: float
    sq: float
    sq_published: float  # ties ranked in the order of training, as the starting kit does


def signal_quality(scores: ArrayLike) -> SignalQuality:
    """Signal quality of one model from its scores at the early checkpoints, in order of training.

    mono = max(0, Spearman(t, S)), ac = mean over lags 1 .. floor(n/4) - 1 of |Pearson(S[lag:], S[:-lag])|,
    SQ = (mono + ac) / 2. `scores` is (checkpoints,), any unit: SQ is the same for a * S + b with a > 0.
    Raises ValueError for fewer than 8 checkpoints or a value that is not finite.

    >>> round(signal_quality([0.25, 0.25, 0.27, 0.26, 0.3, 0.33, 0.35, 0.4]).sq, 4)
    0.9574
    >>> signal_quality([0.3] * 8).sq
    0.0
    """
    curve = np.asarray(scores, dtype=np.float64)
    if curve.ndim != 1 or len(curve) < MIN_CHECKPOINTS:
        raise ValueError(f"signal quality needs at least {MIN_CHECKPOINTS} early checkpoints, not {curve.size}")
    if not np.isfinite(curve).all():
        raise ValueError(
            f"the score of early checkpoint {int(np.argmin(np.isfinite(curve))) + 1} is not a finite number"
        )
    if is_constant(curve):
        return SignalQuality(0.0, 0.0, 0.0, 0.0)
    order = np.arange(len(curve), dtype=np.float64)
    monotonicity = max(0.0, correlation(order, rankdata(curve)))
    ordinal = max(0.0, correlation(order, rankdata(curve, method="ordinal")))
    autocorrelation = mean_autocorrelation(curve)
    return SignalQuality(
        monotonicity, autocorrelation, (monotonicity + autocorrelation) / 2, (ordinal + autocorrelation) / 2
    )


def mean_autocorrelation(curve: np.ndarray) -> float:
    """Mean of |Pearson(S[lag:], S[:-lag])| over the lags 1 .. floor(n/4) - 1; `curve` is (checkpoints,) float64.

    >>> round(mean_autocorrelation(np.array([1.0, -1.0] * 7)), 4)
    1.0
    """
    lags = range(1, len(curve) // 4)
    return float(np.mean([abs(correlation(curve[lag:], curve[:-lag])) for lag in lags]))


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson's r of two arrays (n,), 0 where one of them is constant.

    The arrays are scaled to a range of 1 first, so that a drift of 1e-300 around 0 correlates like any other.

    >>> round(correlation(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 2.5])), 4)
    0.982
    >>> correlation(np.array([1.0, 1.0]), np.array([1.0, 2.0]))
    0.0
    """
    if is_constant(one) or is_constant(other):
        return 0.0
    a = (one - one.min()) / np.ptp(one)
    b = (other - other.min()) / np.ptp(other)
    a, b = a - a.mean(), b - b.mean()
    return float(np.clip(a @ b / np.sqrt((a @ a) * (b @ b)), -1.0, 1.0))


def is_constant(values: np.ndarray) -> bool:
    """Whether values (n,) are equal up to the rounding of their means (8 units in the last place).

    A drift of 1e-9 on scores of 0.3 is a million times greater, and counts.

    >>> is_constant(np.array([0.3, 0.1 + 0.2])), is_constant(np.array([0.3, 0.3 + 1e-9]))
    (True, False)
    """
    return float(np.ptp(values)) <= ROUNDING * float(np.abs(values).max())
