"""Submissions with random content in task.yaml and data files are read or refused in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.output_types.items import build_items
from e2lm_ingestion.sandbox.documents import read_documents
from e2lm_ingestion.submission.file_rules import check_and_digest
from e2lm_ingestion.submission.submission import open_submission
from tests.ingestion.hostile.corpus import right_files, write_folder
from tests.ingestion.submissions import document, documents, json_lines, plain_task

QUICK = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SLOW = settings(QUICK, max_examples=15)  # a process renders the templates of every example

TEXTS = st.text(max_size=12) | st.sampled_from(["{{question}}", "{{", "question", "choices", "answer", "0", "test"])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
VALUES = st.recursive(SCALARS, lambda v: st.lists(v, max_size=3) | st.dictionaries(TEXTS, v, max_size=3), max_leaves=6)
KEYS = st.sampled_from([*plain_task(), "num_fewshot", "fewshot_split", "fewshot_config", "description", "metadata"])


def refusal(action: Callable[[], None]) -> None:
    """Accept a SubmissionError of one line; any other exception fails the test."""
    message = ""
    try:
        action()
    except SubmissionError as error:
        message = str(error)
    assert message.isprintable()


def opened(folder: Path) -> None:
    with open_submission(folder):
        pass


def rendered(folder: Path) -> None:
    with open_submission(folder) as submission:
        build_items(submission)


def read_file(path: Path) -> None:
    check_and_digest({path.name: path})
    read_documents([(path, path.name)], 200)


@pytest.mark.slow
@QUICK
@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=3))
def test_any_values_in_task_yaml(tmp_path: Path, changes: dict[str, object]) -> None:
    text = yaml.safe_dump({**plain_task(), **changes}, allow_unicode=True)
    refusal(lambda: opened(write_folder(tmp_path, right_files(yaml_text=text))))


@QUICK
@given(st.binary(max_size=60), st.integers(0, 400))
def test_any_bytes_within_task_yaml(tmp_path: Path, damage: bytes, location: int) -> None:
    files = right_files()
    task = files["task.yaml"]
    files["task.yaml"] = task[:location] + damage + task[location + len(damage) :]
    refusal(lambda: opened(write_folder(tmp_path, files)))


@QUICK
@given(
    kind=st.sampled_from(["jsonl", "json", "csv", "parquet"]),
    content=st.binary(max_size=80) | st.text(alphabet='[]{}:,"\\0e.-un\r\n\tq', max_size=60).map(str.encode),
    start=st.sampled_from([b"", b"[", b'{"q": ', b"q,r\n", b"PAR1", b"\xef\xbb\xbf"]),
)
def test_any_bytes_in_a_data_file(tmp_path: Path, kind: str, content: bytes, start: bytes) -> None:
    path = tmp_path / f"test.{kind}"
    path.write_bytes(start + content)
    refusal(lambda: read_file(path))


@pytest.mark.slow
@SLOW
@given(st.dictionaries(st.sampled_from(["question", "choices", "answer", "other"]), VALUES, max_size=4))
def test_any_fields_of_an_item(tmp_path: Path, fields: dict[str, object]) -> None:
    test = json_lines(documents()) + json.dumps({**document(0), **fields}) + "\n"
    refusal(lambda: rendered(write_folder(tmp_path, right_files(test=test))))


@pytest.mark.slow
@SLOW
@given(st.sampled_from(["doc_to_text", "doc_to_choice", "doc_to_target", "description"]), st.text(max_size=20))
def test_any_expression_in_a_template(tmp_path: Path, key: str, expression: str) -> None:
    text = yaml.safe_dump({**plain_task(), key: "{{" + expression + "}}"}, allow_unicode=True)
    refusal(lambda: rendered(write_folder(tmp_path, right_files(yaml_text=text))))
