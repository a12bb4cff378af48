"""Signal quality: how steadily and smoothly a model's benchmark score rises early in training.

Source: E2LM proposal (arXiv 2506.07731) and the organizers' starting kit. It differs from the notebook only where the
notebook is ambiguous: ties get midranks (its unstable sort depends on the CPU; `sq_published` reports stable ordinal
ranks), and a constant curve scores 0.

The functions on arrays work along the last axis, so that one curve and a thousand resampled ones take the same path.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

MIN_CHECKPOINTS = 8
ROUNDING = 8 * float(np.finfo(np.float64).eps)  # a spread below this share of a score's magnitude is rounding error


@dataclass(frozen=True, slots=True)
class SignalQuality:
    """Signal quality of one model and its components; every value but `spearman` is in [0, 1]."""

    monotonicity: float
    autocorrelation: float
    sq: float
    sq_published: float  # ties ranked in the order of training, as the starting kit does
    spearman: float  # in [-1, 1]: monotonicity before it is clipped at 0
    robust: float


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
        return SignalQuality(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    rank_correlation = float(spearman(curve))
    monotonicity = max(0.0, rank_correlation)
    order = np.arange(len(curve), dtype=np.float64)
    from scipy.stats import rankdata  # not at the top: rejected input need not wait a second for this import

    ordinal = max(0.0, float(correlation(order, rankdata(curve, method="ordinal"))))
    each = lag_correlations(curve)
    autocorrelation = float(np.mean(np.abs(each)))
    return SignalQuality(
        monotonicity=monotonicity,
        autocorrelation=autocorrelation,
        sq=(monotonicity + autocorrelation) / 2,
        sq_published=(ordinal + autocorrelation) / 2,
        spearman=rank_correlation,
        robust=float(np.sqrt(monotonicity * max(0.0, float(np.mean(each))))),
    )


def signal_qualities(curves: np.ndarray) -> np.ndarray:
    """SQ of many curves at once, (..., checkpoints) float64 -> (...); the formula of `signal_quality`.

    >>> signal_qualities(np.array([[0.0, 1, 2, 3, 4, 5, 6, 7], [7.0, 6, 5, 4, 3, 2, 1, 0]])).tolist()
    [1.0, 0.5]
    """
    quality: np.ndarray = (np.maximum(0.0, spearman(curves)) + mean_autocorrelation(curves)) / 2
    return np.where(is_constant(curves), 0.0, quality)


def robust_signal(curve: np.ndarray) -> float:
    """sqrt(mono * ac+) in [0, 1], ac+ the mean signed autocorrelation clipped at 0; `curve` is (checkpoints,) float64.

    Ours, never ranked: a falling curve gets 0, alternating scores 0 and pure noise 0.03 on average, where SQ
    gives 0.5, 0.69 and 0.17.

    >>> robust_signal(np.arange(8.0)), robust_signal(-np.arange(8.0))
    (1.0, 0.0)
    """
    monotonicity = max(0.0, float(spearman(curve)))
    return float(np.sqrt(monotonicity * max(0.0, float(mean_autocorrelation(curve, signed=True)))))


def spearman(curves: np.ndarray) -> np.ndarray:
    """Spearman's rho of score and order of training, midranks for ties: (..., checkpoints) -> (...) in [-1, 1].

    >>> spearman(np.array([1.0, 3.0, 2.0])).item()
    0.5
    """
    order = np.arange(curves.shape[-1], dtype=np.float64)
    from scipy.stats import rankdata

    return correlation(order, np.asarray(rankdata(curves, axis=-1)))


def mean_autocorrelation(curves: np.ndarray, *, signed: bool = False) -> np.ndarray:
    """Mean of |Pearson(S[lag:], S[:-lag])| over the lags 1 .. floor(n/4) - 1: (..., checkpoints) -> (...).

    `signed` leaves the absolute value out, for `robust_signal`.

    >>> round(mean_autocorrelation(np.array([1.0, -1.0] * 7)).item(), 4)
    1.0
    """
    each = lag_correlations(curves)
    mean: np.ndarray = np.mean(each if signed else np.abs(each), axis=-1)
    return mean


def lag_correlations(curves: np.ndarray) -> np.ndarray:
    """Pearson(S[lag:], S[:-lag]) at the lags 1 .. floor(n/4) - 1: (..., checkpoints) -> (..., lags)."""
    lags = range(1, curves.shape[-1] // 4)
    return np.stack([correlation(curves[..., lag:], curves[..., :-lag]) for lag in lags], axis=-1)


def correlation(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Pearson's r along the last axis, (..., n) -> (...), 0 where one of the two is constant.

    The arrays are scaled to a range of 1 first, so that a drift of 1e-300 around 0 correlates like any other.

    >>> round(correlation(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 2.5])).item(), 4)
    0.982
    >>> correlation(np.array([1.0, 1.0]), np.array([1.0, 2.0])).item()
    0.0
    """
    (a, a_constant), (b, b_constant) = _centered(one), _centered(other)
    undefined = a_constant | b_constant
    size = np.sqrt((a * a).sum(axis=-1) * (b * b).sum(axis=-1))
    r = (a * b).sum(axis=-1) / np.where(undefined, 1.0, size)
    return np.where(undefined, 0.0, np.minimum(np.maximum(r, -1.0), 1.0))


def _centered(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values scaled to a range of 1 around a mean of 0, (..., n), and whether they are constant, (...) bool."""
    low, high = values.min(axis=-1, keepdims=True), values.max(axis=-1, keepdims=True)
    span = high - low
    scaled = (values - low) / np.where(span > 0, span, 1.0)
    scaled -= scaled.sum(axis=-1, keepdims=True) / values.shape[-1]
    constant: np.ndarray = span <= ROUNDING * np.maximum(np.abs(low), np.abs(high))
    return scaled, constant[..., 0]


def is_constant(values: np.ndarray) -> np.ndarray:
    """Whether values are equal up to the rounding of their means (8 units in the last place): (..., n) -> (...) bool.

    A drift of 1e-9 on scores of 0.3 is a million times larger and counts as a change.

    >>> is_constant(np.array([[0.3, 0.1 + 0.2], [0.3, 0.3 + 1e-9]])).tolist()
    [True, False]
    """
    constant: np.ndarray = np.ptp(values, axis=-1) <= ROUNDING * np.abs(values).max(axis=-1)
    return constant
