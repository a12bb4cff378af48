"""Functions of lm-evaluation-harness that are metrics of ours are recognised by what they compute."""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from e2lm.submissions.lm_eval_metrics import metrics_of, same_as

Items = list[tuple[int, Any]]


def loglikelihood_diff(items: Items) -> float:
    """As the winner of 2025 has it."""
    return float(np.mean([lls[gold] - np.mean([ll for i, ll in enumerate(lls) if i != gold]) for gold, lls in items]))


def best_margin(items: Items) -> float:
    return float(np.mean([lls[gold] - max(ll for i, ll in enumerate(lls) if i != gold) for gold, lls in items]))


def weighted_f1_score(items: Items) -> float:
    metrics = importlib.import_module("sklearn.metrics")
    gold, predicted = zip(*items, strict=True)
    return float(metrics.f1_score(gold, predicted, average="weighted"))


def test_known_functions_are_found_by_their_values() -> None:
    assert same_as("likelihood", loglikelihood_diff, "multiple_choice") == "logprob_margin_mean"
    assert same_as("likelihood", best_margin, "multiple_choice") == "logprob_margin"
    assert same_as("f1", lambda items: len(items), "multiple_choice") is None
    assert same_as("f1", lambda items: items.nothing, "multiple_choice") is None


@pytest.mark.usefixtures("lm_eval")  # scikit-learn comes with it
def test_weighted_f1_is_found_by_its_values() -> None:
    assert same_as("f1", weighted_f1_score, "multiple_choice") == "weighted_f1"


def config(**keys: object) -> SimpleNamespace:
    return SimpleNamespace(**{"output_type": "multiple_choice", "process_results": None, "metric_list": None, **keys})


def test_what_is_not_carried_over_is_named_with_its_value_and_what_to_write() -> None:
    lost: list[str] = []
    given = [
        {"metric": "likelihood", "aggregation": loglikelihood_diff, "high_is_better": True},
        {"metric": "f1", "aggregation": lambda items: 7.0},
        {"metric": "acc", "ignore_case": True, "hf_evaluate": True},
    ]
    assert metrics_of(config(metric_list=given), lost) == [{"metric": "logprob_margin_mean"}, {"metric": "acc"}]
    assert lost[0] == "metric_list: high_is_better: True; no key of the harness: higher_is_better"
    assert lost[1].startswith("metric_list: f1: the function <lambda>; write another with --metric")


def test_a_task_without_metrics_has_those_of_the_harness() -> None:
    lost: list[str] = []
    assert metrics_of(config(), lost) == [{"metric": "acc"}, {"metric": "acc_norm"}]
    assert lost == []
