"""Scores won by what measures nothing, each with the score it would get and what stops it (docs/validity.md)."""

from __future__ import annotations

import numpy as np
import pytest

from e2lm_ingestion.metrics.builtin import MULTIPLE_CHOICE_METRICS, MetricFormula
from e2lm_ingestion.metrics.expression import parse
from tests.contract.simulated import CHOICES, CONFIGURATION, answers, judged, scored

ITEMS = 300
TRUTH, LIKELIHOODS = answers(ITEMS)
RANDOM = np.random.default_rng(7).integers(0, CHOICES, ITEMS)
HONEST = (
    "acc",
    "correct_prob",
    "correct_logprob",
    "norm_correct_prob",
    "logprob_margin",
    "logprob_margin_mean",
    "margin",
)


def metric(name: str) -> MetricFormula:
    known = MULTIPLE_CHOICE_METRICS.get(name)
    formula = known.formula if known else MetricFormula(parse(name))
    assert formula is not None
    return formula


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_task_is_eligible_under_every_metric(name: str) -> None:
    report = judged(metric(name), TRUTH, LIKELIHOODS)
    assert report.eligible, report.reasons


@pytest.mark.parametrize("name", HONEST)
def test_random_labels_are_eligible_under_none(name: str) -> None:
    report = judged(metric(name), RANDOM, LIKELIHOODS)
    assert not report.eligible
    assert abs(report.scores["contrast_z"]) < 3


@pytest.mark.parametrize(
    ("expression", "at_least"),
    [
        ("correct_prob", 0.7),
        ("sum(exp(ll))", 0.7),
        ("max(softmax(ll))", 0.6),
        ("mean(ll)", 0.7),
        ("1 / (1 + exp(-6 - mean(ll)))", 0.7),
        ("sum(exp(ll)) * sum(number[gold])", 0.6),
        ("0.9 * mean(ll) + 0.1 * sum(pick(ll)[gold])", 0.7),
    ],
)
def test_fluency_wins_a_score_and_no_place(expression: str, at_least: float) -> None:
    report = judged(metric(expression), RANDOM, LIKELIHOODS)
    assert report.scores["score"] > at_least
    assert report.scores["improvement_z"] > 3, "the gate on the scores alone lets it pass"
    assert not report.eligible


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_a_little_knowledge_in_a_lot_of_fluency_wins_no_place(share: float) -> None:
    report = judged(metric(f"{1 - share} * mean(ll) + {share} * sum(ll[gold])"), TRUTH, LIKELIHOODS)
    assert report.scores["contrast_z"] > 3
    assert not report.eligible
    assert "labels account for" in report.reasons[0]


@pytest.mark.parametrize("truth", ["true sentences", "false sentences"])
def test_the_perplexity_of_texts_wins_a_score_and_no_place(truth: str) -> None:
    gold = TRUTH if truth == "true sentences" else (TRUTH + 1) % CHOICES
    texts = {key: own[np.arange(ITEMS), gold].astype(np.float32) for key, own in LIKELIHOODS.items()}
    report = scored(texts)
    assert report.scores["score"] > 0.7
    assert "no contrast: not ranked" in report.reasons[0]


def test_random_labels_in_tasks_of_one_item_are_as_uncertain_as_in_one_task() -> None:
    subsets = [*[1] * 98, 3]
    _, likelihoods = answers(101, seed=3)
    labels = np.random.default_rng(1).integers(0, CHOICES, 101)
    together = judged(metric("acc"), labels, likelihoods)
    apart = judged(metric("acc"), labels, likelihoods, subsets=subsets)
    assert apart.scores["contrast_z"] == pytest.approx(together.scores["contrast_z"])
    assert apart.intervals["score"].high - apart.intervals["score"].low > 0.1
    assert not apart.eligible


def test_the_gate_of_this_suite_is_that_of_the_competition() -> None:
    assert (CONFIGURATION.min_improvement_z, CONFIGURATION.min_label_share) == (3.0, 0.35)
    assert CONFIGURATION.require_contrast
