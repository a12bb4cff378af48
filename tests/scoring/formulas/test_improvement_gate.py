"""The improvement gate stops curves that only look like a signal."""

from __future__ import annotations

import numpy as np
import pytest

from e2lm_scoring.formulas.improvement_gate import improvement_z, ineligible_because
from e2lm_scoring.formulas.signal_to_noise import signal_to_noise
from e2lm_scoring.formulas.strata import strata_of

ITEMS = 400


def answers(accuracy_at_each_checkpoint: np.ndarray) -> np.ndarray:
    """Item scores (checkpoints, items): an item is right once the accuracy passes its difficulty."""
    difficulty = np.random.default_rng(0).permutation(ITEMS) / ITEMS
    return (accuracy_at_each_checkpoint[:, None] > difficulty).astype(np.float32)


def test_a_rising_task_passes() -> None:
    assert improvement_z(answers(np.linspace(0.25, 0.5, 14))) > 3


def test_a_falling_task_is_negative() -> None:
    assert improvement_z(answers(np.linspace(0.5, 0.25, 14))) < -3


def test_noise_stays_within_its_standard_errors() -> None:
    rng = np.random.default_rng(1)
    z = [improvement_z((rng.random((14, ITEMS)) < 0.25).astype(np.float32)) for _ in range(300)]
    assert np.std(z) == pytest.approx(1.0, abs=0.12)


def test_the_closed_form_is_the_bootstrap() -> None:
    rng = np.random.default_rng(2)
    scores = rng.random((14, ITEMS)) + np.linspace(0, 0.05, 14)[:, None]
    difference = scores[-3:].mean(axis=0) - scores[:3].mean(axis=0)
    draws = difference[rng.integers(0, ITEMS, (4000, ITEMS))].mean(axis=1)
    assert improvement_z(scores) == pytest.approx(difference.mean() / draws.std(), rel=0.05)


def test_a_drift_that_all_items_share_is_no_improvement() -> None:
    drift = 0.3 + 1e-9 * np.arange(14)[:, None] + np.zeros((14, ITEMS))
    assert improvement_z(drift) == 0.0
    assert improvement_z(drift.astype(np.float32)) == 0.0


def test_most_signal_models_must_improve() -> None:
    assert ineligible_because({"small": 0.5, "medium": 4.0, "large": 9.0}, minimum=3) == ()
    (reason,) = ineligible_because({"small": 0.5, "medium": 2.0, "large": 9.0}, minimum=3)
    assert "medium 2.0" in reason


def test_signal_to_noise_is_the_models_distance_in_steps() -> None:
    early = np.asarray([[0.0, 0.1] * 7, [1.0, 1.1] * 7])
    # The last five alternate by 0.1: mean distance 1, standard deviation 0.1 * sqrt(0.3).
    assert signal_to_noise(early) == pytest.approx(1 / (0.1 * np.sqrt(0.3)))


def test_scores_that_never_move_have_no_ratio() -> None:
    assert signal_to_noise([[0.1] * 8, [0.2] * 8]) == 0.0


def test_items_drawn_within_subsets_have_the_error_of_that() -> None:
    draw = np.random.default_rng(0)
    gains = np.concatenate([draw.normal(0.1, 0.05, 40), draw.normal(0.5, 0.2, 160)])
    scores = np.concatenate([np.zeros((3, 200)), np.tile(gains, (3, 1))])
    spread = np.sqrt(40 * np.var(gains[:40], ddof=1) + 160 * np.var(gains[40:], ddof=1)) / 200
    assert improvement_z(scores, strata_of(200, (40, 160))) == pytest.approx(gains.mean() / spread)
    assert improvement_z(scores, strata_of(200, (200,))) == pytest.approx(improvement_z(scores))
    assert improvement_z(scores, strata_of(200, (40, 160))) > improvement_z(scores), (
        "a difference between subsets is no uncertainty"
    )
