"""Small subsets are drawn together, and items of a cluster never apart."""

from __future__ import annotations

import numpy as np
import pytest

from e2lm_scoring.formulas.improvement_gate import improvement_z
from e2lm_scoring.formulas.strata import SMALLEST, strata_of
from e2lm_scoring.uncertainty import resampled_means


def sizes(*arguments: object, **more: object) -> list[int]:
    return [len(stratum.items) for stratum in strata_of(*arguments, **more)]  # type: ignore[arg-type]


def test_ninety_eight_tasks_of_one_item_are_one_stratum() -> None:
    assert sizes(101, [1] * 98 + [3]) == [101]


def test_random_labels_in_tasks_of_one_item_have_no_certainty() -> None:
    """Each item is drawn from itself alone without the pool: its own noise then looks like no noise."""
    rng = np.random.default_rng(4)
    subsets = [1] * 98 + [3]
    z = [improvement_z(rng.integers(0, 2, (14, 101)).astype(float), strata_of(101, subsets)) for _ in range(200)]
    assert np.std(z) == pytest.approx(1.0, abs=0.15)
    assert max(z) < 4
    scores = rng.random((101, 1))
    spread = resampled_means(scores, strata=strata_of(101, subsets), draws=400).std()
    assert spread == pytest.approx(scores.std() / np.sqrt(101), rel=0.1)


@pytest.mark.parametrize(
    ("subsets", "expected"),
    [([50], [50]), ([40, 60], [40, 60]), ([9, 40, 60], [60, 49]), ([9, 9, 60], [60, 18]), ([3, 4], [7])],
)
def test_a_subset_below_ten_items_joins_a_pool_of_ten_or_more(subsets: list[int], expected: list[int]) -> None:
    assert sizes(sum(subsets), subsets) == expected


def test_every_item_is_in_one_stratum() -> None:
    strata = strata_of(108, [4, 50, 2, 40, 12], np.arange(108) // 2)
    assert sorted(np.concatenate([stratum.items for stratum in strata]).tolist()) == list(range(108))


def test_subsets_that_share_a_cluster_are_drawn_together() -> None:
    clusters = np.arange(100)
    clusters[[5, 95]] = -1
    assert sizes(100, [40, 20, 40], clusters) == [20, 80]


def test_ten_items_of_two_passages_are_few() -> None:
    clusters = np.concatenate([np.zeros(5), np.ones(5), np.arange(2, 102)]).astype(int)
    assert sizes(110, [10, 100], clusters) == [110]
    assert SMALLEST == 10


def test_a_cluster_is_drawn_whole_and_a_stratum_keeps_its_weight() -> None:
    rng = np.random.default_rng(1)
    passages = np.repeat(np.arange(50), rng.integers(1, 8, 50))
    scores = np.repeat(rng.normal(size=50), np.bincount(passages))[:, None]  # items of a passage agree
    alone = resampled_means(scores, draws=2000).std()
    together = resampled_means(scores, strata=strata_of(len(scores), clusters=passages), draws=2000).std()
    assert together > 1.7 * alone
    constant = resampled_means(np.ones((len(scores), 1)), strata=strata_of(len(scores), clusters=passages), draws=50)
    assert constant == pytest.approx(1.0)


def test_the_closed_form_of_clusters_is_their_bootstrap() -> None:
    rng = np.random.default_rng(2)
    passages = np.repeat(np.arange(80), rng.integers(1, 6, 80))
    rise = (rng.normal(0.2, 1, 80)[passages] + rng.normal(size=len(passages)))[None]
    scores = np.concatenate([np.zeros((3, len(passages))), np.tile(rise, (3, 1))])
    strata = strata_of(len(passages), clusters=passages)
    spread = resampled_means(rise.T, strata=strata, draws=4000).std()
    assert improvement_z(scores, strata) == pytest.approx(rise.mean() / spread, rel=0.06)


def test_copies_of_items_add_no_certainty() -> None:
    scores = np.random.default_rng(3).normal(size=(14, 60)) + np.linspace(0, 1, 14)[:, None]
    six = np.repeat(scores, 6, axis=1)
    clusters = np.repeat(np.arange(60), 6)
    assert improvement_z(six) == pytest.approx(np.sqrt(6) * improvement_z(scores), rel=0.02)
    assert improvement_z(six, strata_of(360, clusters=clusters)) == pytest.approx(improvement_z(scores))


def test_subsets_that_miss_an_item_are_refused() -> None:
    with pytest.raises(ValueError, match="29 items, the task 30"):
        strata_of(30, [29])
