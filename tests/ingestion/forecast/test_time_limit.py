"""A submission whose forecast is far beyond the time limit is refused before a model is loaded, and no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from e2lm.suites.registry import SUITES
from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.forecast import duration
from e2lm_ingestion.forecast.hardware import machine
from e2lm_ingestion.forecast.time_limit import refuse_what_does_not_fit
from e2lm_ingestion.forecast.volume import volume_of_task
from e2lm_ingestion.output_types.protocol import Item
from e2lm_ingestion.suite import Suite, load_suite
from e2lm_ingestion.task.task import task_of

FULL = load_suite(SUITES["e2lm-2025-full"].suite)
TASK: dict[str, Any] = {"task": "one", "output_type": "multiple_choice", "dataset_path": "json", "test_split": "test"}
TASK |= {"dataset_kwargs": {"data_files": {"test": "test.jsonl"}}, "doc_to_text": "{{q}}", "doc_to_choice": ["a", "b"]}
TASK |= {"doc_to_target": 0, "metric_list": [{"metric": "acc"}]}


def questions(share: float = 1.0, own: int = 320) -> dict[str, list[Item]]:
    """Items of 57 subjects, 15,000 in all at share 1: five examples of 2,400 characters a subject, four choices."""
    choices = tuple(f" an answer of some tokens {letter}" for letter in "abcd")
    return {
        f"subject {subject}": [
            Item((f"subject {subject} " * 180 + f"{number} " + "w" * own,), choices, choices, (0,))
            for number in range(int(15_000 * share) // 57)
        ]
        for subject in range(57)
    }


def require(tasks: dict[str, list[Item]], suite: Suite = FULL, limit: float = 690) -> None:
    refuse_what_does_not_fit(task_of(TASK, "task.yaml"), tasks, suite, Path("nowhere"), machine("H100"), limit)


def minutes(tasks: dict[str, list[Item]]) -> float:
    forecast = duration.minutes(FULL, volume_of_task(task_of(TASK, "task.yaml"), tasks, None, 2048), machine("H100"))
    assert forecast is not None
    return forecast


def test_the_largest_submission_fits_a_worker_and_one_of_far_too_long_prompts_does_not() -> None:
    require(questions())
    assert minutes(questions()) < 200
    with pytest.raises(
        SubmissionError, match=r"^does not fit the time limit: the forecast is [\d,]+ minutes on one H100,"
    ):
        require(questions(own=6000))


def test_what_the_margin_covers_is_not_refused() -> None:
    small = questions(0.2)
    require(small, limit=0.6 * minutes(small))
    with pytest.raises(SubmissionError, match="submit fewer items or shorter prompts"):
        require(small, limit=0.4 * minutes(small))


def test_without_the_size_of_a_model_nothing_is_refused() -> None:
    unknown = FULL.model_copy(update={"models": (FULL.models[0].model_copy(update={"size": "large"}),)})
    require(questions(0.1), unknown, limit=1e-6)
