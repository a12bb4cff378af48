"""Ranking consistency against the published figure, and its ties."""

from __future__ import annotations

import numpy as np
import pytest

from e2lm_scoring.formulas.ranking_consistency import kendall_tau, ranking_agreement, ranking_consistency

# Whether dense-500m-arch1 is above (+) or below (-) dense-500m-arch2 on MMLU at iterations 60,000, 64,000 .. 244,000.
# Source: read off the published ranking-consistency figure of arXiv 2506.07731; its mean early score is below.
ARCH1_AGAINST_ARCH2 = "+++-+++++++-+-+++-+++++++++++++---++-+++-+-----"


def test_the_published_pair_has_its_published_consistency() -> None:
    assert len(ARCH1_AGAINST_ARCH2) == 47
    arch1 = [0.25 + (0.001 if sign == "+" else -0.001) for sign in ARCH1_AGAINST_ARCH2]
    found = ranking_consistency([[0.2480, 0.2490], [0.2485, 0.2495]], [arch1, [0.25] * 47])
    assert round(found, 4) == 0.2979  # 14 of 47


# MMLU of the two at iterations 4,000, 8,000 .. 244,000. Source: the first 14 of each, the early ones, are of the
# organizers' curves behind the figures of arXiv 2506.07731; the 47 late ones are read off its figure, to within 0.0005.
ARCH1 = (
    ".24975 .25388 .24947 .25523 .25125 .22874 .24185 .24263 .24719 .25381 .25189 .25011 .24676 .26036 "
    ".26620 .26637 .25983 .24703 .25782 .25941 .24689 .25253 .26313 .24543 .25527 .24528 .25665 .23817 "
    ".24076 .23925 .25909 .24592 .25100 .23744 .23745 .24058 .27069 .25836 .24531 .25364 .24999 .25829 "
    ".24825 .25491 .26779 .23061 .24797 .24076 .25363 .25790 .23895 .26013 .26084 .24041 .24995 .25049 "
    ".23850 .23452 .24231 .23617 .24016"
)
ARCH2 = (
    ".25224 .26820 .24647 .25367 .25153 .23821 .24847 .25417 .25951 .25338 .24947 .25516 .24356 .25659 "
    ".24828 .24340 .24365 .25118 .23184 .25145 .23085 .23197 .23398 .24006 .24874 .24650 .24870 .23980 "
    ".23453 .23290 .25286 .25490 .23853 .23405 .23718 .23744 .23834 .23969 .22983 .23640 .24217 .25013 "
    ".24138 .24511 .23532 .24432 .25065 .25980 .24458 .24668 .24998 .24621 .25186 .23961 .25005 .25030 "
    ".24848 .25319 .24292 .24896 .24868"
)


def test_the_digitized_figure_gives_the_published_consistency() -> None:
    pair = np.asarray([ARCH1.split(), ARCH2.split()], dtype=np.float64)
    assert pair.shape == (2, 61)
    assert round(ranking_consistency(pair[:, :14], pair[:, 14:]), 4) == 0.2979


def test_a_ranking_that_holds_is_fully_consistent() -> None:
    # HellaSwag of the 0.5B pair: published 1.0000.
    assert ranking_consistency([[0.3, 0.4], [0.2, 0.3]], [[0.5] * 47, [0.45] * 47]) == 1.0


def test_the_same_early_scores_in_another_order_are_a_tie() -> None:
    # Sums in order give means of these two that differ in the last digit, which would break the tie.
    one = [0.1, 0.2, 0.3, 0.7, 0.6] * 3
    for seed in range(20):
        other = np.random.default_rng(seed).permutation(one)
        assert ranking_consistency([one, list(other)], [[0.5], [0.4]]) == 0.5


def test_a_reversed_ranking_has_none() -> None:
    assert ranking_consistency([[1.0], [2.0], [3.0]], [[3.0], [2.0], [1.0]]) == 0.0


@pytest.mark.parametrize(
    ("early", "late"), [([[0.3], [0.3]], [[0.5], [0.4]]), ([[0.3], [0.2]], [[0.5], [0.5]])], ids=["early", "late"]
)
def test_a_tie_counts_half(early: list[list[float]], late: list[list[float]]) -> None:
    assert ranking_consistency(early, late) == 0.5


def test_three_models_count_their_pairs() -> None:
    # Of the pairs (0,1), (0,2), (1,2) only (1,2) is turned around: tau = (2 - 1) / 3.
    assert ranking_consistency([[1.0], [2.0], [3.0]], [[1.0], [3.0], [2.0]]) == pytest.approx((1 / 3 + 1) / 2)


def test_the_final_reference_looks_at_the_last_checkpoint_alone() -> None:
    early, late = [[0.2], [0.1]], [[0.1, 0.1, 0.3], [0.2, 0.2, 0.2]]
    assert ranking_consistency(early, late) == pytest.approx(1 / 3)
    assert ranking_consistency(early, late, reference="final") == 1.0


def test_agreement_is_told_for_each_late_checkpoint() -> None:
    assert ranking_agreement([[0.2], [0.1]], [[0.1, 0.2, 0.3], [0.2, 0.2, 0.2]]).tolist() == [0.0, 0.5, 1.0]


@pytest.mark.parametrize(
    ("early", "late"),
    [([[0.1]], [[0.2]]), ([[0.1], [0.2]], [[0.1]]), ([[], []], [[0.1], [0.2]]), ([[0.1], [np.nan]], [[0.1], [0.2]])],
    ids=["one model", "other models", "no checkpoint", "not finite"],
)
def test_rankings_that_cannot_be_compared_are_an_error(early: list[list[float]], late: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="ranking needs"):
        ranking_consistency(early, late)


def test_kendall_tau_of_models_that_all_tie_is_zero() -> None:
    assert kendall_tau([0.1, 0.1], [0.2, 0.3]) == 0.0
