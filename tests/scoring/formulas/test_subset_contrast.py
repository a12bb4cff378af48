"""Subsets of random labels are named, and honest ones are not, however small or hard."""

from __future__ import annotations

import numpy as np
import pytest

from e2lm_scoring.formulas.strata import strata_of
from e2lm_scoring.formulas.subset_contrast import WithoutContrast, without_contrast

CHECKPOINTS = 8


def subset(items: int, *, fluency: float, knowledge: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores and contrasts, (checkpoints, items) each, that rise by fluency and by knowledge on the mean."""
    rng = np.random.default_rng(seed)
    progress = np.linspace(0, 1, CHECKPOINTS)[:, None]
    of_labels = progress * rng.normal(knowledge, 1, items)
    scores = progress * np.abs(rng.normal(fluency, fluency / 3, items)) + of_labels
    return scores, of_labels


def found(*subsets: tuple[np.ndarray, np.ndarray], weights: np.ndarray | None = None) -> WithoutContrast | None:
    scores, contrasts = (np.concatenate(own, axis=1) for own in zip(*subsets, strict=True))
    strata = strata_of(scores.shape[1], [own.shape[1] for own, _ in subsets])
    weights = np.ones(scores.shape[1]) if weights is None else weights
    return without_contrast(scores * weights, contrasts * weights, strata, weights, min_z=3, min_share=0.35)


HONEST = subset(100, fluency=1, knowledge=1)
RANDOM = subset(100, fluency=1, knowledge=0, seed=1)
SMALL_RANDOM = [subset(10, fluency=1, knowledge=0, seed=seed) for seed in range(2, 12)]


def test_random_labels_beside_an_honest_subset_are_named_with_their_weight() -> None:
    one = found(HONEST, RANDOM)
    assert one is not None
    assert (one.strata, one.weight) == ((1,), 0.5)
    assert one.other_share == pytest.approx(0.5, abs=0.05)
    weighed = found(HONEST, RANDOM, weights=np.repeat([1.8, 0.2], 100))
    assert weighed is not None
    assert weighed.weight == pytest.approx(0.1)


def test_a_few_honest_items_do_not_cover_many_random_ones() -> None:
    few = subset(10, fluency=1, knowledge=4, seed=12)
    diluted = tuple(
        np.concatenate(own, axis=1) for own in zip(subset(300, fluency=1, knowledge=0, seed=13), few, strict=True)
    )
    one = found(HONEST, (diluted[0], diluted[1]))
    assert one is not None
    assert one.strata == (1,)


def test_random_labels_spread_over_small_subsets_are_found_together() -> None:
    assert all(found(HONEST, own) is None for own in SMALL_RANDOM[:3]), "ten items are too few"
    one = found(HONEST, *SMALL_RANDOM)
    assert one is not None
    assert len(one.strata) >= 8


@pytest.mark.parametrize(
    "other",
    [
        subset(100, fluency=1, knowledge=0.6, seed=2),
        subset(10, fluency=1, knowledge=0.5, seed=3),
        subset(100, fluency=0, knowledge=0, seed=4),
    ],
    ids=["harder", "small", "no rise"],
)
def test_an_honest_subset_is_not_named(other: tuple[np.ndarray, np.ndarray]) -> None:
    assert found(HONEST, other) is None


def test_without_another_subset_there_is_nothing_to_compare_with() -> None:
    assert found(RANDOM) is None
    assert found(RANDOM, subset(100, fluency=1, knowledge=0, seed=5)) is None
