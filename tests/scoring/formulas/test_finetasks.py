"""FineTasks' criteria and decision accuracy: worked values, ties, constants, invalid input."""

from __future__ import annotations

import numpy as np
import pytest

from e2lm_scoring.formulas.decision_accuracy import decision_accuracy
from e2lm_scoring.formulas.finetasks import non_randomness, ordering_consistency
from e2lm_scoring.formulas.signal_quality import robust_signal, signal_quality


def test_an_order_that_holds_is_fully_consistent_and_one_that_flips_is_not() -> None:
    levels = np.arange(3)[:, None]
    assert ordering_consistency(levels + np.zeros(14)) == 1.0
    assert ordering_consistency([[0.0, 1] * 4, [1.0, 0] * 4]) == -1.0


def test_only_the_second_half_counts_for_ordering_consistency() -> None:
    turned = [[0.0, 1, 0, 1, 0, 0, 0, 0], [1.0, 0, 1, 0, 1, 1, 1, 1]]
    assert ordering_consistency(turned) == 1.0


def test_models_that_tie_have_no_consistency() -> None:
    assert ordering_consistency([[0.3] * 8, [0.3] * 8]) == 0.0


def test_lower_is_better_turned_around_keeps_the_consistency() -> None:
    scores = np.random.default_rng(0).random((4, 14))
    assert ordering_consistency(-scores) == ordering_consistency(scores)


@pytest.mark.parametrize(
    "scores", [[[0.1] * 8], [[0.1, 0.2], [0.1, 0.2]], [[0.1, np.nan, 0.1, 0.1]] * 2], ids=["one", "short", "nan"]
)
def test_ordering_consistency_refuses(scores: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="ordering consistency needs"):
        ordering_consistency(scores)


def test_non_randomness_counts_the_noise_between_chance_and_the_best_model() -> None:
    early = [[0.25, 0.35, 0.45, 0.35, 0.45, 0.55], [0.2] * 6]
    noise = np.std([0.35, 0.45, 0.35, 0.45, 0.55], ddof=1) / 2
    assert non_randomness(early, chance=0.25) == pytest.approx(0.3 / noise)


def test_below_chance_is_negative_and_scores_that_never_move_are_zero() -> None:
    assert non_randomness([[0.2, 0.1] * 4], chance=0.25) < 0
    assert non_randomness([[0.9] * 8], chance=0.25) == 0.0


@pytest.mark.parametrize(("early", "chance"), [([[np.inf, 1.0]], 0.25), ([[0.1, 0.2]], np.nan), ([[]], 0.25)])
def test_non_randomness_refuses_values_that_are_not_finite(early: list[list[float]], chance: float) -> None:
    with pytest.raises(ValueError, match="non-randomness needs"):
        non_randomness(early, chance)


def test_decisions_hold_fail_or_are_a_coin_toss() -> None:
    assert decision_accuracy([1, 2, 3], [4, 5, 6]) == 1.0
    assert decision_accuracy([1, 2, 3], [6, 5, 4]) == 0.0
    assert decision_accuracy([1, 1], [4, 5]) == 0.5
    assert decision_accuracy([1, 2], [4, 4]) == 0.5


@pytest.mark.parametrize(("early", "final"), [([1.0], [1.0]), ([1.0, 2], [1.0]), ([1.0, np.nan], [1.0, 2])])
def test_decision_accuracy_refuses(early: list[float], final: list[float]) -> None:
    with pytest.raises(ValueError, match="decision accuracy needs"):
        decision_accuracy(early, final)


def test_robust_signal_is_not_fooled_by_falling_constant_or_alternating_curves() -> None:
    assert robust_signal(np.arange(14.0)) == 1.0
    for fooling in (-np.arange(14.0), np.full(14, 0.3), np.array([1.0, -1.0] * 7)):
        assert robust_signal(fooling) == 0.0


def test_noise_has_a_robust_signal_near_zero() -> None:
    rng = np.random.default_rng(0)
    assert np.mean([robust_signal(rng.normal(size=14)) for _ in range(1000)]) == pytest.approx(0.03, abs=0.01)


def test_spearman_is_monotonicity_before_the_clip() -> None:
    falling = signal_quality(np.arange(14, 0, -1))
    assert (falling.spearman, falling.monotonicity, falling.robust) == (-1.0, 0.0, 0.0)
