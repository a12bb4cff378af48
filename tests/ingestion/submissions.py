"""The parts of small submissions, made by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

MakeSubmission = Callable[..., Path]


def plain_task() -> dict[str, Any]:
    """The keys of a valid task."""
    return {
        "task": "sums",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": "test.jsonl", "dev": "dev.jsonl"}},
        "output_type": "multiple_choice",
        "test_split": "test",
        "doc_to_text": "Question: {{question}}\nAnswer:",
        "doc_to_choice": "{{choices}}",
        "doc_to_target": "answer",
        "metric_list": [{"metric": "acc"}],
    }


def document(i: int) -> dict[str, Any]:
    """The question "What is i plus 1?" with three choices, of which the second is right."""
    return {"question": f"What is {i} plus 1?", "choices": [str(i), str(i + 1), str(i + 2)], "answer": 1}


def documents(count: int = 100) -> list[dict[str, Any]]:
    """The first `count` questions."""
    return [document(i) for i in range(count)]


def json_lines(values: Sequence[Any]) -> str:
    """One JSON value per line."""
    return "".join(json.dumps(value) + "\n" for value in values)
