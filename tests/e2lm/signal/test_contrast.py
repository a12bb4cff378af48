"""The wrong-label contrast, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from e2lm.signal.contrast import wrong_label_contrast
from e2lm_ingestion.metrics.builtin import MULTIPLE_CHOICE_METRICS, MetricFormula
from e2lm_ingestion.metrics.expression import parse

ITEMS = {
    "choice_offsets": np.asarray([0, 3, 5]),
    "gold": np.asarray([False, True, False, True, False]),
    "chars": np.ones(5),
    "bytes": np.ones(5),
    "words": np.ones(5),
}
LIKELY = np.asarray([-1.0, -0.5, -2.0, -3.0, -1.0])
ANSWERS = {"loglikelihoods": LIKELY, "greedy": np.zeros(5), "tokens": np.ones(5)}


def contrast(formula: MetricFormula) -> list[float]:
    found = wrong_label_contrast(formula, ITEMS, ANSWERS)
    assert found is not None
    return [float(value) for value in found]


def test_accuracy_is_1_or_below_0() -> None:
    formula = MULTIPLE_CHOICE_METRICS["acc"].formula
    assert formula is not None
    assert contrast(formula) == [1.0, -1.0]


def test_a_probability_is_compared_with_those_of_the_wrong_choices() -> None:
    formula = MULTIPLE_CHOICE_METRICS["correct_prob"].formula
    assert formula is not None
    p = np.exp(LIKELY)
    assert contrast(formula) == pytest.approx([p[1] - (p[0] + p[2]) / 2, p[3] - p[4]])


def test_a_metric_that_does_not_look_at_the_right_answer_has_none() -> None:
    assert contrast(MetricFormula(parse("sum(exp(ll))"))) == [0.0, 0.0]


def test_items_with_two_right_answers_have_no_contrast() -> None:
    items = {**ITEMS, "gold": np.asarray([True, True, False, True, False])}
    assert wrong_label_contrast(MetricFormula(parse("sum(ll[gold])")), items, ANSWERS) is None
