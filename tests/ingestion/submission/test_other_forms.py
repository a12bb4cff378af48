"""Data in another form than the file's name says: one line tells what it is and what to do."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.output_types.item_sets import item_set_of
from e2lm_ingestion.submission.submission import open_submission
from tests.ingestion.submissions import documents, json_lines, plain_task

ROWS = documents()
BINARY = bytes(range(256)) * 4


def problems(folder: Path, content: bytes, **keys: Any) -> list[str]:  # noqa: ANN401 (keys of task.yaml)
    """The errors of a submission whose items are in test.json."""
    task = plain_task() | {"dataset_kwargs": {"data_files": {"test": "test.json"}}} | keys
    (folder / "task.yaml").write_text(yaml.safe_dump(task))
    (folder / "test.json").write_bytes(content)
    with pytest.raises(SubmissionError) as raised, open_submission(folder) as submission:
        item_set_of(submission)
    return [str(one) for one in raised.value.args]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04" + BINARY, "a spreadsheet or a zip"),
        (b"PAR1" + BINARY, "a parquet file: give it the ending .parquet"),
        (gzip.compress(json_lines(ROWS).encode()), "compressed: unpack it"),
        (json_lines(ROWS).encode("utf-16"), "UTF-16 text: save it as UTF-8"),
        (BINARY, "not a text file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a pointer of Git LFS"),
        (b"<!DOCTYPE html>\n<html></html>\n", "a web page, not data"),
        (json.dumps({"columns": ["a"], "data": [["b"]], "index": [0]}).encode(), "orient='split'"),
        (json.dumps({f"q{i}": row for i, row in enumerate(ROWS)}).encode(), "one object that holds 100 others"),
        (
            json.dumps({key: {str(i): row[key] for i, row in enumerate(ROWS)} for key in ROWS[0]}).encode(),
            "an object for each column",
        ),
        (json.dumps({key: [row[key] for row in ROWS] for key in ROWS[0]}).encode(), "a list for each column"),
    ],
)
def test_another_form_is_named_with_the_remedy(tmp_path: Path, content: bytes, message: str) -> None:
    (found,) = problems(tmp_path, content)
    assert found.startswith("test.json")
    assert message in found


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda row: {**row, "answer": str(row["question"])}, "which is none of the 3 choices"),
        (
            lambda row: {**row, "choices": repr(row["choices"])},
            '`choices`: a text that prints a list; write "{{choices}}"',
        ),
        (lambda row: {**row, "choices": "|".join(row["choices"])}, "must be a list of texts"),
    ],
)
def test_the_same_mistake_in_every_item_is_told_once(tmp_path: Path, change: Any, message: str) -> None:  # noqa: ANN401
    (found,) = problems(tmp_path, json.dumps([change(row) for row in ROWS]).encode(), doc_to_choice="choices")
    assert message in found
    assert found.endswith("(and likewise 99 more)")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("task: a\nmetadata:\n\tkey: b\n", "line 3: not YAML: a tab stands where the line begins: indent with spaces"),
        ("task: \u201ca: b\u201d\nother: c: d\n", "a typographic quote: write straight ones"),
        ("task: a\n---\ntask: b\n", "a second document begins with ---"),
        ("metadata:\n    a: 1\n   b: 2\n", "indented otherwise than the lines beside it"),
    ],
)
def test_mistakes_in_yaml_are_told_with_the_remedy(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "task.yaml").write_text(text)
    with pytest.raises(SubmissionError, match=message), open_submission(tmp_path):
        pass
