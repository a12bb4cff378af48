"""The item bootstrap: how much of a score is the choice of items?

Items are drawn with replacement, each as often as there are items (of its subset, where a task has subsets), and the
whole score is computed again: curves, SQ, RC, CS and Score. A draw is the same for every model and checkpoint, since
they all answer the same items. Source: Efron & Tibshirani, An Introduction to the Bootstrap (1993); the centering is
ours and docs/uncertainty.md measures what it covers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from e2lm_scoring.alignment import domain_alignments
from e2lm_scoring.configuration import Configuration
from e2lm_scoring.evaluation import Interval
from e2lm_scoring.ranking import ranking_consistencies
from e2lm_scoring.signal import signal_qualities

DRAWS = 1000
SEED = 0  # fixed: the same results give the same intervals
BLOCK = 50  # draws at a time: 6 MB of counts for 15,000 items
PERCENTILES = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """The scores of every draw."""

    scores: dict[str, np.ndarray]  # sq, rc, cs, score: (draws,) float64, those that the suite allows
    curves: dict[tuple[str, int], np.ndarray]  # (model, iteration) -> (draws,) float64


def bootstrap(
    item_scores: Mapping[tuple[str, int], np.ndarray],
    configuration: Configuration,
    *,
    subset_sizes: Sequence[int] = (),
    draws: int = DRAWS,
    seed: int = SEED,
) -> Bootstrap:
    """Score every draw. `item_scores` is (model, iteration) -> (items,), higher is better, all that scores need.

    `subset_sizes` are the numbers of items of consecutive subsets, in the order of the items; empty for a single one.
    """
    keys = list(item_scores)
    means = resampled_means(
        np.stack([item_scores[key] for key in keys], axis=1), subset_sizes=subset_sizes, draws=draws, seed=seed
    )
    curves = dict(zip(keys, means.T, strict=True))
    return Bootstrap(whole_scores(curves, configuration), curves)


def resampled_means(
    item_scores: np.ndarray, *, subset_sizes: Sequence[int] = (), draws: int = DRAWS, seed: int = SEED
) -> np.ndarray:
    """Mean scores of resampled items, (draws, checkpoints) float64, from `item_scores` (items, checkpoints).

    How often each item was drawn, times its score, is a matrix product. It is in float64: counts of right answers are
    exact, so that ties stay ties in every draw.

    >>> resampled_means(np.full((3, 2), 0.5), draws=2).tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """
    scores = np.ascontiguousarray(item_scores, dtype=np.float64)
    blocks = [counts @ scores for counts in item_counts(len(scores), subset_sizes, draws, seed)]
    means: np.ndarray = np.concatenate(blocks) / len(scores)
    return means


def item_counts(items: int, subset_sizes: Sequence[int], draws: int, seed: int) -> Iterator[np.ndarray]:
    """How often each draw takes each item: blocks of (draws, items) float64, multinomial within every subset.

    >>> next(item_counts(4, (1, 3), draws=2, seed=0))[:, 0].tolist()
    [1.0, 1.0]
    """
    sizes = tuple(subset_sizes) or (items,)
    if sum(sizes) != items:
        raise ValueError(f"the subsets have {sum(sizes)} items, the task {items}")
    starts = np.cumsum([0, *sizes[:-1]])
    rng = np.random.default_rng(seed)
    for first in range(0, draws, BLOCK):
        counts = np.empty((min(BLOCK, draws - first), items))
        for row in counts:
            for start, size in zip(starts, sizes, strict=True):
                row[start : start + size] = np.bincount(rng.integers(0, size, size), minlength=size)
        yield counts


def whole_scores(curves: Mapping[tuple[str, int], np.ndarray], configuration: Configuration) -> dict[str, np.ndarray]:
    """sq, rc, cs and score of every draw, (draws,) each, from the curves of every draw: the formulas of scores.py."""
    early, late = configuration.early.iterations, configuration.late_iterations

    def window(model: str, iterations: Sequence[int]) -> np.ndarray:
        return np.stack([curves[(model, iteration)] for iteration in iterations], axis=-1)

    scores = {"sq": np.mean([signal_qualities(window(model, early)) for model in configuration.signal_models], axis=0)}
    if configuration.ranking_groups:
        each = [
            ranking_consistencies(
                np.stack([window(model, early) for model in group], axis=-2),
                np.stack([window(model, late) for model in group], axis=-2),
                reference=configuration.ranking_reference,
            )
            for group in configuration.ranking_groups
        ]
        scores["rc"] = np.mean(each, axis=0)
    pair = configuration.alignment
    if pair is not None:
        scores["cs"] = domain_alignments(window(pair.science, early), window(pair.web, early))
    if configuration.ranking_groups and pair is not None:
        weights = configuration.weights
        total = weights.signal_quality * scores["sq"] + weights.ranking_consistency * scores["rc"]
        scores["score"] = total + weights.domain_alignment * scores["cs"]
    return scores
