"""The item bootstrap: the uncertainty of scores over the choice of items.

Items are drawn with replacement, as many as there are (within the strata of formulas/strata.py, and whole clusters
where items share a passage), and the whole score is computed again: curves, SQ, RC, CS and Score. Every model and
checkpoint shares the items of a draw, since they all answer the same test. Source: Efron & Tibshirani, An Introduction
to the Bootstrap (1993); the centering is ours; docs/uncertainty.md measures its coverage.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from e2lm_scoring.formulas.strata import Stratum, strata_of
from e2lm_scoring.inputs.configuration import Configuration
from e2lm_scoring.score_report import Interval
from e2lm_scoring.total import total_and_components

DRAWS = 1000
SEED = 0  # fixed: the same results give the same intervals
BLOCK = 50  # draws at a time: 6 MB of counts for 15,000 items
PERCENTILES = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """The scores of every draw."""

    scores: dict[str, np.ndarray]  # score, sq, rc, cs: (draws,) float64, those that the suite allows
    curves: dict[tuple[str, int], np.ndarray]  # (model, iteration) -> (draws,) float64


def bootstrap(
    item_scores: Mapping[tuple[str, int], np.ndarray],
    configuration: Configuration,
    *,
    strata: Sequence[Stratum] = (),
    draws: int = DRAWS,
    seed: int = SEED,
) -> Bootstrap:
    """Score every draw. `item_scores` is (model, iteration) -> (items,), higher is better, for all needed checkpoints.

    `strata` are those that items are drawn within; by default all items, each by itself.
    """
    keys = list(item_scores)
    means = resampled_means(np.stack([item_scores[key] for key in keys], axis=1), strata=strata, draws=draws, seed=seed)
    curves = dict(zip(keys, means.T, strict=True))
    return Bootstrap(total_and_components(curves, configuration), curves)


def resampled_means(
    item_scores: np.ndarray, *, strata: Sequence[Stratum] = (), draws: int = DRAWS, seed: int = SEED
) -> np.ndarray:
    """Mean scores of resampled items, (draws, checkpoints) float64; `item_scores` is (items, checkpoints).

    A matrix product of how often each item was drawn and its scores. In float64, counts of right answers are exact, so
    that ties stay ties in every draw.

    >>> resampled_means(np.full((3, 2), 0.5), draws=2).tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """
    scores = np.ascontiguousarray(item_scores, dtype=np.float64)
    blocks = [counts @ scores for counts in item_counts(strata or strata_of(len(scores)), draws, seed)]
    means: np.ndarray = np.concatenate(blocks) / len(scores)
    return means


def item_counts(strata: Sequence[Stratum], draws: int, seed: int) -> Iterator[np.ndarray]:
    """How often each draw takes each item: blocks of (draws, items) float64, multinomial within every stratum.

    Whole clusters are drawn, as many as the stratum has. Where they differ in size, the counts are scaled so that a
    stratum keeps its weight.

    >>> next(item_counts(strata_of(20, [10, 10]), draws=2, seed=0))[:, :10].sum(axis=1).tolist()
    [10.0, 10.0]
    """
    items = sum(len(stratum.items) for stratum in strata)
    unequal = [not stratum.are_equal for stratum in strata]
    rng = np.random.default_rng(seed)
    for first in range(0, draws, BLOCK):
        counts = np.empty((min(BLOCK, draws - first), items))
        for row in counts:
            for stratum, scaled in zip(strata, unequal, strict=True):
                n = stratum.clusters
                own = np.bincount(rng.integers(0, n, n), minlength=n)[stratum.cluster]
                row[stratum.items] = own * (len(own) / own.sum()) if scaled else own
        yield counts


def interval(estimate: float, draws: np.ndarray) -> Interval:
    """A 95 % interval of a score in [0, 1] from its value and its draws (draws,), and its standard error.

    Resampling adds the noise of items a second time, so that draws of SQ are biased low and their percentiles may miss
    the score. The interval is the union of the percentile interval and the same interval shifted so that the mean of
    the draws equals the score. It covers the mean score of tests with as many items from the same source, not the score
    of the next such test, nor that of a test with infinitely many items.

    >>> interval(0.5, np.linspace(0.3, 0.5, 101))
    Interval(low=0.305, high=0.595, error=0.05831)
    """
    low, high = (float(value) for value in np.percentile(draws, PERCENTILES))
    shift = estimate - float(np.mean(draws))
    return Interval(
        low=round(max(0.0, min(low, low + shift)), 12),
        high=round(min(1.0, max(high, high + shift)), 12),
        error=round(float(np.std(draws)), 6),
    )


def probability_greater(
    one: float, one_draws: np.ndarray, other: float, other_draws: np.ndarray, *, paired: bool = False
) -> float:
    """P(one > other) over new items from the same sources, ties counting half, in [0, 1].

    From draws (draws,) spread around the score by `plausible_scores`. `paired`: draw by draw, for two scorings of the
    same items; otherwise every draw of one against every draw of the other.

    >>> probability_greater(0.5, np.array([0.4, 0.6]), 0.3, np.array([0.2, 0.4]))
    1.0
    >>> probability_greater(0.5, np.array([0.4, 0.6]), 0.5, np.array([0.4, 0.6]), paired=True)
    0.5
    """
    a, b = plausible_scores(one, one_draws), plausible_scores(other, other_draws)
    if paired:
        return float(np.mean((a > b) + 0.5 * (a == b)))
    b = np.sort(b)
    below, up_to = np.searchsorted(b, a, side="left"), np.searchsorted(b, a, side="right")
    return float(np.mean(below + up_to)) / (2 * len(b))


def plausible_scores(estimate: float, draws: np.ndarray) -> np.ndarray:
    """Draws (draws,) centered on the score and stretched to their root mean square distance from it.

    The distance includes the bias of resampling. Draws may lie outside [0, 1].
    """
    deviations = draws - draws.mean()
    spread = float(np.std(draws))
    distance = float(np.sqrt(np.mean((draws - estimate) ** 2)))
    plausible: np.ndarray = estimate + deviations * (distance / spread if spread > 0 else 1.0)
    return plausible


def band(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The 2.5 % and 97.5 % percentiles of curves, (draws, checkpoints) -> (checkpoints,) twice; a mean has no bias."""
    low, high = np.percentile(draws, PERCENTILES, axis=0)
    return low, high
