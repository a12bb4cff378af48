"""What a score is worth on other models, with other items and later in training: ties, constants, short windows."""

from __future__ import annotations

import numpy as np
import pytest

from e2lm_scoring.formulas.domain_alignment import gain_alignment
from e2lm_scoring.formulas.generalization import (
    checkpoint_noise,
    decision_accuracies,
    error_over_models,
    late_retention,
    prediction_error,
    sq_at_fixed_items,
    tokens_to_decide,
)


@pytest.mark.parametrize(
    ("early", "late", "expected"),
    [
        ([[0.0, 0, 0, 1, 1, 1]], [[1.0]], 0.0),  # a single late checkpoint
        ([[0.0, 0, 0, 1, 1, 1]], [[0.0, 0, 0]], -1.0),
        ([[0.0, 0, 0, 1, 1, 1], [0.0, 0, 0, 3, 3, 3]], [[2.0], [3.0]], 0.25),
        ([[0.3] * 8], [[0.9]], 0.0),
        ([[0.9, 0.8, 0.7, 0.3, 0.2, 0.1]], [[0.9]], 0.0),
        ([[0.1, 0.2]], [[0.5]], 0.0),  # shorter than its two ends
    ],
)
def test_late_retention(early: list[list[float]], late: list[list[float]], expected: float) -> None:
    assert late_retention(early, late) == pytest.approx(expected)


def test_items_chosen_on_early_noise_lose_late_what_they_won() -> None:
    rng = np.random.default_rng(0)
    early, late = rng.random((14, 5000)), rng.random((8, 5000))
    chosen = np.argsort(early[:3].mean(axis=0) - early[-3:].mean(axis=0))[:300]
    assert late_retention(early[:, chosen].mean(axis=1), late[:, chosen].mean(axis=1)) < -0.3


def test_a_curve_that_bends_is_predicted_with_an_error_in_shares_of_its_range() -> None:
    tokens = np.geomspace(4, 200, 14)
    straight = 0.1 * np.log(tokens)
    assert prediction_error(tokens, straight, 1000, [0.1 * np.log(1000)]) == pytest.approx(0.0)
    assert prediction_error(tokens, 7 * straight - 3, 1000, [0.7 * np.log(1000) - 3]) == pytest.approx(0.0)
    saturated = prediction_error(tokens, straight, 1000, [straight[-1]])
    assert saturated == pytest.approx(np.log(5) / np.log(50))
    assert prediction_error(tokens, np.full(14, 0.3), 1000, [0.3]) == 0.0


def test_decisions_count_ties_half() -> None:
    assert decision_accuracies([[0.1, 0.2, 0.2], [0.1, 0.1, 0.3]], [0.2, 0.1]).tolist() == [0.5, 1.0, 0.0]


@pytest.mark.parametrize(
    ("accuracies", "expected"),
    [([1, 1, 1], 1.0), ([0, 1, 1], 2.0), ([1, 0, 0.8], 3.0), ([1, 1, 0.79], None), ([0, 0, 0], None)],
)
def test_tokens_to_decide(accuracies: list[float], expected: float | None) -> None:
    assert tokens_to_decide([1, 2, 3], accuracies) == expected


def test_the_error_over_models_is_that_of_a_mean() -> None:
    assert error_over_models([0.5]) == 0.0
    assert error_over_models([0.5, 0.5, 0.5]) == 0.0
    assert error_over_models([0.2, 0.4, 0.6, 0.8]) == pytest.approx(np.std([0.2, 0.4, 0.6, 0.8], ddof=1) / 2)


def test_more_items_of_the_same_kind_do_not_change_sq_at_a_fixed_number() -> None:
    rng = np.random.default_rng(1)
    scores = (rng.random((1, 14, 8000)) < 0.25 + 0.004 * np.arange(14)[:, None]).astype(np.float32)
    few, many = sq_at_fixed_items(scores[:, :, :1000]), sq_at_fixed_items(scores)
    assert few is not None
    assert many is not None
    assert many == pytest.approx(few, abs=0.15)
    assert sq_at_fixed_items(scores) == many, "the same sets every time"


def test_independent_answers_have_the_noise_of_their_items() -> None:
    rng = np.random.default_rng(2)
    items = (rng.random((3, 60, 800)) < 0.4).astype(np.float32)
    assert checkpoint_noise(items) == pytest.approx(1.0, abs=0.3)
    assert checkpoint_noise(items + 0.05 * rng.normal(size=(3, 60, 1))) > 3
    assert checkpoint_noise(np.full((2, 14, 50), 0.3)) == 0.0
    assert checkpoint_noise(rng.random((1, 14, 1))) == 0.0


@pytest.mark.parametrize(
    ("science", "web", "expected"),
    [
        ([0, 0.2, 0.4, 0.4, 0.4], [0, 0.1, 0.1, 0.1, 0.1], 0.75),
        ([0, 0.2, 0.4, 0.4, 0.4], [0, -0.1, -0.1, -0.1, -0.1], 1.0),
        ([0, 0.2, 0.1, 0.1, 0.1], [0, 0.1, 0.4, 0.4, 0.4], 0.0),
        ([0, 0, -0.1, -0.1, -0.1], [0, 0, 0, 0, 0], 0.0),
        ([0.0] * 5, [0.0] * 5, 0.0),
    ],
)
def test_the_gain_from_science(science: list[float], web: list[float], expected: float) -> None:
    assert gain_alignment(science, web) == pytest.approx(expected)
