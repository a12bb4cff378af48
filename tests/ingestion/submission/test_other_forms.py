"""Data in another form than the file's name says: one line tells what it is and what to do."""

from __future__ import annotations

import gzip
import json
import re
import zipfile
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
        ("task: a\noutput_type:b\ntag: c\n", "a key without a space after its colon"),
        ("task: a\ntag: 'b\nmetadata: c\n", "line 2: not YAML: a quote opens here and does not end"),
        ('task: "\\sigma"\n', "a backslash begins an escape; write single quotes"),
        ("task: a\ntag: %b\n", "put a text that begins so in quotes"),
        ("task: a\ntag: *b\n", r"or put a text that begins with \* in quotes"),
        ("task: a\n\u00a0tag: b\n", "begins with an unusual space"),
        ("group: a\ntasks: [b]\n", "`tasks` is not a key of a task; did you mean `task`"),
        ("group: a\ntask: {b: c}\n", r"several as a list, such as `task: \[a, b\]`"),
        ("task: a\naggregation: !function a.b\n", "name a metric that `e2lm metrics` lists"),
    ],
)
def test_mistakes_in_yaml_are_told_with_the_remedy(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "task.yaml").write_text(text)
    with pytest.raises(SubmissionError, match=message), open_submission(tmp_path):
        pass


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": True}\n', r"line 1: not JSON: True \(character 7\); JSON has true"),
        ('{"a": 1}{"a": 2}\n', "a second object begins"),
        ('{"a": "b', "a text whose closing quotation mark is missing; the file may be cut off"),
        ('{"a": "b\nc"}\n', "the line ends within a text .*: close its quote, and write a line break in a text as"),
        ("question,answer\na,b\n", "a table with commas is a .csv file, with `dataset_path: csv`"),
        ('[\n{"a": 1},\n]', r"a comma before the closing \] \(line 3, character 1\); leave it out"),
    ],
)
def test_mistakes_in_json_are_told_with_the_remedy(tmp_path: Path, text: str, message: str) -> None:
    (found,) = problems(tmp_path, text.encode())[:1]
    assert re.search(message, found), found


@pytest.mark.parametrize(
    ("header", "row", "message"),
    [
        ("My questions,,,", "a,b,c,0", "line 1: a title stands above the columns; delete it"),
        ("question,a,,answer", "a,b,c,0", "column 3 has no name"),
        ("question,a,a,answer", "a,b,c,0", "column 3 'a' stands twice"),
        ("question,a,b,answer", ",,,", "line 2: an empty row; delete it"),
        (
            "question;a;b;answer",
            "a;b;c;0",
            "semicolons separate the columns; save with commas between them, or make a task",
        ),
        ("question\ta\tb", "a\tb\tc", "tabs separate the columns; save with commas between them, or make a task"),
        ("question, a, b,answer", "a,b,c,0", "it is ' a', with a space: remove that"),
    ],
)
def test_mistakes_in_tables_are_told_with_the_remedy(tmp_path: Path, header: str, row: str, message: str) -> None:
    task = plain_task() | {"dataset_path": "csv", "dataset_kwargs": {"data_files": {"test": "test.csv"}}}
    (tmp_path / "task.yaml").write_text(yaml.safe_dump(task | {"doc_to_choice": "{{[a, b]}}"}))
    (tmp_path / "test.csv").write_text(f"{header}\n" + f"{row}\n" * 100)
    with pytest.raises(SubmissionError) as raised, open_submission(tmp_path) as submission:
        item_set_of(submission)
    assert any(re.search(message, str(one)) for one in raised.value.args), raised.value.args


def test_every_file_that_may_not_be_there_is_named_at_once(tmp_path: Path) -> None:
    names = {
        "fig.png": "a picture",
        "notes.docx": "a text document",
        "test.zip": "unpack it",
        "test.sav": "not a format",
    }
    (tmp_path / "task.yaml").write_text(yaml.safe_dump(plain_task()))
    for name in names:
        (tmp_path / name).write_text("x")
    with pytest.raises(SubmissionError) as raised, open_submission(tmp_path):
        pass
    found = sorted(map(str, raised.value.args))
    assert [one.split(":")[0] for one in found] == sorted(names)
    assert all(names[one.split(":")[0]] in one for one in found)
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for path in ("task.yaml", *names):
            archive.write(tmp_path / path, path)
    with pytest.raises(SubmissionError) as raised, open_submission(tmp_path / "all.zip"):
        pass
    assert sorted(map(str, raised.value.args)) == found
