"""Functions of lm-evaluation-harness that are metrics of ours are recognised by what they compute."""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from e2lm.submissions.lm_eval_metrics import ITEMS, Answered, metrics_of, same_as, same_results

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


@pytest.mark.usefixtures("lm_eval")
def test_the_f1_of_three_classes_is_found_by_its_values() -> None:
    harness = importlib.import_module("lm_eval.tasks.super_glue.cb.aggregate")
    assert same_as("f1", harness.cb_multi_fi, "multiple_choice") == "macro_f1"


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
    assert lost[1].startswith(
        "metric_list: f1: aggregation: the function <lambda> is no metric of this program; choose one"
    )
    assert "--metric NAME" in lost[1]


def answered(count: int) -> list[Answered]:
    choices = ("short", "rather long", "of middle size")
    return [Answered({"gold": [n % 3], "choices": list(choices)}, choices, (n % 3,)) for n in range(count)]


def accuracies(document: dict[str, Any], results: list[tuple[float, bool]]) -> dict[str, float]:
    """As agieval has it, with a metric that this program has under another name, and one that it has not."""
    lls = np.array([ll for ll, _ in results])
    sizes = np.array([float(len(choice)) for choice in document["choices"]])
    right = document["gold"]
    return {
        "acc": float(lls.argmax() in right),
        "acc_norm": float((lls / sizes).argmax() in right),
        "pm_true": float(np.exp(lls)[right].sum() / np.exp(lls).sum()),
        "rank": float((lls > lls[right[0]]).sum()),
    }


def test_metrics_of_process_results_are_found_by_their_values() -> None:
    found = same_results(accuracies, answered(ITEMS), "multiple_choice")
    assert found == {"acc": "acc", "acc_norm": "acc_norm", "pm_true": "norm_correct_prob"}
    assert same_results(lambda document, results: document["none"], answered(ITEMS), "multiple_choice") == {}
    assert same_results(accuracies, [], "multiple_choice") == {}


def test_what_process_results_computes_otherwise_is_named() -> None:
    lost: list[str] = []
    given = [{"metric": name} for name in ("acc", "pm_true", "rank", "f1")]
    kept = metrics_of(config(metric_list=given, process_results=accuracies), lost, answered(ITEMS))
    assert kept == [{"metric": "acc"}, {"metric": "norm_correct_prob"}, {"metric": "f1"}]
    assert lost[0].startswith(
        "process_results: a function, accuracies, computes f1 there; here it is what this program"
    )
    assert lost[1].startswith("metric_list: rank: this program has none called so; choose one with --metric NAME")


def test_a_task_without_metrics_has_those_of_the_harness() -> None:
    lost: list[str] = []
    assert metrics_of(config(), lost) == [{"metric": "acc"}, {"metric": "acc_norm"}]
    assert lost == []
