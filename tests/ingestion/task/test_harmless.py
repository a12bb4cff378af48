"""Keys of lm-evaluation-harness without effect: the task is the same without them, and a note names them."""

from __future__ import annotations

from typing import Any

import pytest

from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.task.task import Task, task_of
from tests.ingestion.submissions import plain_task


def read(**changes: object) -> tuple[Task, list[str]]:
    notes: list[str] = []
    return task_of({**plain_task(), **changes}, "task.yaml", notes), notes


def generating(**changes: object) -> tuple[Task, list[str]]:
    return read(output_type="generate_until", doc_to_choice=None, metric_list=None, **changes)


PLAIN = task_of(plain_task(), "task.yaml")


@pytest.mark.parametrize(
    ("keys", "note"),
    [
        ({"task_alias": "Sums"}, "task_alias"),
        ({"dataset_name": None}, "dataset_name: null"),
        ({"dataset_name": "main"}, "dataset_name"),
        ({"training_split": None}, "training_split: null"),
        ({"training_split": "train"}, "training_split"),
        ({"validation_split": "validation"}, "validation_split"),
        ({"process_docs": None}, "process_docs: null"),
        ({"should_decontaminate": True, "doc_to_decontamination_query": "q"}, "should_decontaminate: true"),
        ({"repeats": 1}, "repeats: 1"),
        ({"unsafe_code": False}, "unsafe_code: false"),
        ({"generation_kwargs": {"until": ["\n"]}}, "generation_kwargs"),
        ({"filter_list": [{"name": "none", "filter": [{"function": "take_first"}]}]}, "filter_list"),
        ({"metric_list": [{"metric": "acc", "ignore_case": True}]}, "ignore_case of acc"),
        ({"metric_list": [{"metric": "acc", "weight_by_size": True}]}, "weight_by_size of acc"),
        ({"fewshot_config": {"samples": None}}, "fewshot_config: samples: null"),
        (
            {"dataset_kwargs": {**plain_task()["dataset_kwargs"], "trust_remote_code": True}},
            "dataset_kwargs: trust_remote_code: true",
        ),
    ],
)
def test_a_key_without_effect_is_named_and_changes_nothing(keys: dict[str, Any], note: str) -> None:
    task, notes = read(**keys)
    assert note in notes
    assert task.model_dump() == PLAIN.model_dump()


def test_a_task_without_metrics_has_those_of_the_harness() -> None:
    assert [metric.metric for metric in read(metric_list=None)[0].metric_list] == ["acc", "acc_norm"]
    assert [metric.metric for metric in generating()[0].metric_list] == ["exact_match"]


def test_items_come_from_the_validation_split_where_there_is_no_test_split() -> None:
    assert read(test_split=None, validation_split="dev")[0].test_split == "dev"
    assert read(test_split=None, validation_split="dev", fewshot_split="test", num_fewshot=1)[0].shots == 1
    for fewshot_split in (None, "dev"):
        with pytest.raises(SubmissionError, match="write `test_split: dev` in its place"):
            read(test_split=None, validation_split="dev", fewshot_split=fewshot_split, num_fewshot=1)


def test_examples_come_from_the_training_split_where_no_other_is_named() -> None:
    assert read(training_split="dev", num_fewshot=1)[0].examples_split == "dev"
    assert read(training_split="dev", validation_split="test", num_fewshot=1)[0].examples_split == "dev"
    with pytest.raises(SubmissionError, match="1 examples need a fewshot_split"):
        read(training_split="test", num_fewshot=1)


@pytest.mark.parametrize(
    "keys",
    [
        {"do_sample": False, "top_p": 0.9, "temperature": 0.7, "top_k": 5},
        {"top_p": 1, "num_beams": 1, "temperature": 0},
        {"until": None, "repetition_penalty": 1.0},
    ],
)
def test_generation_kwargs_that_equal_greedy_decoding_are_kept_out(keys: dict[str, Any]) -> None:
    task, _ = generating(generation_kwargs=keys)
    assert (task.generation.max_gen_toks, task.generation.until) == (256, ("\n\n",))


@pytest.mark.parametrize("keys", [{"top_p": 0.9}, {"num_beams": 4}, {"do_sample": True}, {"temperature": 1.0}])
def test_generation_kwargs_that_sample_are_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(SubmissionError, match="generation_kwargs"):
        generating(generation_kwargs=keys)


def test_the_most_generated_tokens_are_cut_to_the_limit_with_a_note() -> None:
    task, notes = generating(generation_kwargs={"max_new_tokens": 2048})
    assert task.generation.max_gen_toks == 512
    assert "generation_kwargs: max_gen_toks above 512, the most that is generated, for 2,048" in notes


@pytest.mark.parametrize(
    "keys",
    [
        {"repeats": 2},
        {"repeats": True},
        {"unsafe_code": True},
        {"process_docs": "x"},
        {"filter_list": [{"name": "x", "filter": [{"function": "lowercase"}]}]},
        {"metric_list": [{"metric": "acc", "weights": True}]},
    ],
)
def test_a_key_that_may_have_an_effect_is_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(SubmissionError):
        read(**keys)
