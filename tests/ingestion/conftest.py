"""Small submissions, made by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

MakeSubmission = Callable[..., Path]


@pytest.fixture
def make_submission(tmp_path: Path) -> MakeSubmission:
    """Return a function that writes a right submission of 100 items, changed as its caller asks."""

    def make(
        task: Mapping[str, Any] | None = None,
        *,
        test: Sequence[Any] | str | bytes | None = None,
        files: Mapping[str, str | bytes] | None = None,
        without: Sequence[str] = (),
        yaml_text: str | None = None,
    ) -> Path:
        folder = tmp_path / "submission"
        folder.mkdir()
        keys = {**plain_task(), **(task or {})}
        text = yaml.safe_dump({key: value for key, value in keys.items() if key not in without}, sort_keys=False)
        written: dict[str, str | bytes] = {
            "task.yaml": text if yaml_text is None else yaml_text,
            "dev.jsonl": json_lines([document(i + 1000) for i in range(6)]),
            "test.jsonl": json_lines(documents() if test is None else test)
            if not isinstance(test, str | bytes)
            else test,
            **(files or {}),
        }
        for name, content in written.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return folder

    return make


def plain_task() -> dict[str, Any]:
    """The keys of a right task."""
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
    """The question "What is i plus 1?" with three choices, the second right."""
    return {"question": f"What is {i} plus 1?", "choices": [str(i), str(i + 1), str(i + 2)], "answer": 1}


def documents(count: int = 100) -> list[dict[str, Any]]:
    """The first `count` questions."""
    return [document(i) for i in range(count)]


def json_lines(values: Sequence[Any]) -> str:
    """One JSON value a line."""
    return "".join(json.dumps(value) + "\n" for value in values)
