"""Who takes part in the ranking: the contrast decides, and a score without one is shown and not ranked."""

from __future__ import annotations

import numpy as np
import pytest

from e2lm_scoring.eligibility import Contrast, reasons_against
from e2lm_scoring.formulas.label_contrast import label_share
from e2lm_scoring.inputs.configuration import Configuration
from tests.scoring.tiny_results import SCORING

CONFIGURATION = Configuration.model_validate(SCORING)
RISING = {"small-a": 30.0}


@pytest.mark.parametrize(
    ("contrast", "reason"),
    [
        (Contrast({"small-a": 3.0}, 0.35), None),
        (Contrast({"small-a": 2.9}, 1.0), "right labels over those with wrong ones did not clearly improve"),
        (Contrast({"small-a": 12.0}, 0.34), "labels account for 34% of its rise and 35% are needed"),
        (None, "no contrast: not ranked: these results hold no score with wrong labels"),
    ],
)
def test_the_contrast_decides(contrast: Contrast | None, reason: str | None) -> None:
    reasons = reasons_against(RISING, contrast, CONFIGURATION)
    assert (reasons == ()) if reason is None else (len(reasons) == 1 and reason in reasons[0])


def test_a_score_that_few_items_carry_is_not_ranked() -> None:
    contrast = Contrast({"small-a": 12.0}, 1.0)
    (reason,) = reasons_against(RISING, contrast, CONFIGURATION, effective_items=16.02)
    assert "the score is that of about 16 items (their effective number), and 30 are needed" in reason
    assert reasons_against(RISING, contrast, CONFIGURATION, effective_items=30.0) == ()
    lenient = CONFIGURATION.model_copy(update={"min_effective_items": 0})
    assert reasons_against(RISING, contrast, lenient, effective_items=1.0) == ()


def test_an_edition_may_rank_tasks_without_contrast() -> None:
    lenient = CONFIGURATION.model_copy(update={"require_contrast": False})
    assert reasons_against(RISING, None, lenient) == ()
    (reason,) = reasons_against({"small-a": 1.0}, None, lenient)
    assert "scores did not clearly improve" in reason


def test_results_of_an_earlier_version_say_how_to_get_a_contrast() -> None:
    (reason,) = reasons_against(RISING, None, CONFIGURATION)
    assert "e2lm rescore" in reason


@pytest.mark.parametrize(
    ("right", "contrast", "expected"),
    [
        (np.linspace(0.2, 0.5, 8), np.linspace(0, 0.4, 8), 1.0),  # accuracy: wrong labels fall
        (np.linspace(0.2, 0.5, 8), np.linspace(0, -0.1, 8), 0.0),
        (np.full(8, 0.3), np.linspace(0, 0.4, 8), 0.0),
        (0.3 + 1e-17 * np.arange(8), np.linspace(0, 0.4, 8), 0.0),
        (np.linspace(0.5, 0.2, 8), np.linspace(0, 0.4, 8), 0.0),
        (np.linspace(-3e6, -1e6, 8), np.linspace(0, 1e6, 8), 0.5),
    ],
)
def test_the_share_of_labels_is_a_share(right: np.ndarray, contrast: np.ndarray, expected: float) -> None:
    assert label_share([right], [contrast]) == pytest.approx(expected)


def test_models_count_by_how_far_they_rise() -> None:
    steep, flat = np.linspace(0, 0.9, 8), np.linspace(0, 0.1, 8)
    assert label_share([steep, flat], [0.5 * steep, flat]) == pytest.approx(0.55)


def test_a_score_that_does_not_rise_is_not_said_to_rise_with_wrong_labels() -> None:
    (reason,) = reasons_against({"small-a": -1.1}, Contrast({"small-a": -1.1}, 0.0), CONFIGURATION)
    assert "did not clearly improve" in reason
    assert len(reasons_against(RISING, Contrast({"small-a": 0.5}, 0.05), CONFIGURATION)) == 2
