"""The effective number of items: all where they have the same influence, few where few have it."""

from __future__ import annotations

import numpy as np
import pytest

from e2lm_scoring.formulas.effective_items import effective_items, item_movements

RNG = np.random.default_rng(0)
ANSWERS = (RNG.random((3, 14, 232)) < 0.5).astype(np.float32)


def test_accuracy_is_carried_by_nearly_all_items() -> None:
    assert 220 < effective_items(ANSWERS) <= 232


@pytest.mark.parametrize("carrying", [1, 16, 60])
def test_items_of_a_million_times_the_weight_are_the_only_ones(carrying: int) -> None:
    weights = np.where(np.arange(232) < carrying, 1.0, 1e-6)
    assert effective_items(ANSWERS * weights) == pytest.approx(carrying, rel=0.1)


def test_weights_that_fall_by_sixteen_leave_one_item() -> None:
    assert effective_items(ANSWERS * 16.0 ** -np.arange(232)) < 1.5


def test_a_constant_has_no_influence() -> None:
    constant = np.where(np.arange(232) < 16, 1e6, 0.0)
    assert effective_items(ANSWERS.astype(np.float64) + constant) == pytest.approx(effective_items(ANSWERS), rel=1e-6)
    assert effective_items(np.ones((2, 8, 5))) == 0.0


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_the_unit_of_the_score_does_not_matter(scale: float) -> None:
    scores = ANSWERS.astype(np.float64)[:, :, :20]
    assert effective_items(scores * scale) == pytest.approx(effective_items(scores))
    assert item_movements(scores).shape == (20,)
