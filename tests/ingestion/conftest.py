"""Small submissions, made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ingestion.submissions import MakeSubmission, document, documents, json_lines, plain_task


@pytest.fixture
def make_submission(tmp_path: Path) -> MakeSubmission:
    """Return a function that writes a valid submission of 100 items with the caller's changes."""

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
