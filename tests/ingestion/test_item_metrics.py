"""acc and acc_norm for all items at once, ties included."""

from __future__ import annotations

import numpy as np
import pytest

from e2lm_ingestion.item_metrics import Choices, item_scores


def choices(lengths: list[int], gold: list[int], chars: list[int]) -> Choices:
    return Choices(np.cumsum([0, *lengths]), np.asarray(gold), np.asarray(chars))


THREE = choices([2, 3, 2], gold=[0, 2, 1], chars=[1, 1, 4, 2, 8, 5, 5])
LOGLIKELIHOODS = np.asarray([-1.0, -2.0, -3.0, -2.0, -4.0, -7.0, -7.0], dtype=np.float32)


def test_accuracy_counts_the_most_likely_choice() -> None:
    assert item_scores("acc", LOGLIKELIHOODS, THREE).tolist() == [1.0, 0.0, 0.5]


def test_length_normalized_accuracy_divides_by_characters() -> None:
    # Item 2: -3/4, -2/2, -4/8: the third choice is best per character.
    assert item_scores("acc_norm", LOGLIKELIHOODS, THREE).tolist() == [1.0, 1.0, 0.5]


def test_choices_that_tie_share_the_point() -> None:
    tied = choices([4], gold=[3], chars=[1, 1, 1, 1])
    assert item_scores("acc", np.full(4, -2.0), tied).tolist() == [0.25]


def test_chance_is_the_mean_share_of_a_guess() -> None:
    assert THREE.chance == pytest.approx((1 / 2 + 1 / 3 + 1 / 2) / 3)
