"""Zips and folders as participants make them; tests/ingestion/hostile has those of attackers."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.submission.submission import Submission, open_submission
from tests.ingestion.submissions import MakeSubmission


def zip_of(path: Path, entries: Mapping[str, bytes | str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refusal(path: Path) -> str:
    """The error message; asserts that no temporary file is left."""
    before = set(Path(os.environ["TMPDIR"]).iterdir())
    with pytest.raises(SubmissionError) as caught, open_submission(path):
        pass
    assert set(Path(os.environ["TMPDIR"]).iterdir()) == before
    assert str(caught.value).isprintable()
    return str(caught.value)


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files that the test can look into."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    return folder


def opened(path: Path) -> Submission:
    with open_submission(path) as submission:
        return submission


def test_a_folder_its_zip_and_a_wrapped_zip_from_macos_are_one_submission(
    make_submission: MakeSubmission, tmp_path: Path
) -> None:
    folder = make_submission()
    files = contents(folder)
    flat = zip_of(tmp_path / "flat.zip", files)
    wrapped = {f"my task/{name}": content for name, content in files.items()}
    leftovers = {"__MACOSX/my task/._task.yaml": b"\0\5", "my task/.DS_Store": b"\0", "my task/": b""}
    mac = zip_of(tmp_path / "mac.zip", {**leftovers, **wrapped})
    digests = {opened(path).sha256 for path in (folder, flat, mac)}
    assert len(digests) == 1
    (folder / "test.jsonl").write_text((folder / "test.jsonl").read_text() + "\n")
    assert opened(folder).sha256 not in digests


def test_the_digest_tells_a_renamed_file_from_the_old_one(make_submission: MakeSubmission) -> None:
    folder = make_submission(files={"a.md": "text"})
    first = opened(folder).sha256
    (folder / "a.md").rename(folder / "b.md")
    assert opened(folder).sha256 != first


def test_a_zip_is_unpacked_into_a_temporary_folder(
    make_submission: MakeSubmission, tmp_path: Path, temporary: Path
) -> None:
    path = zip_of(tmp_path / "s.zip", contents(make_submission()))
    with open_submission(path) as submission:
        assert submission.name == "sums"
        assert submission.root.is_relative_to(temporary)
        assert sorted(child.name for child in submission.root.iterdir()) == ["dev.jsonl", "task.yaml", "test.jsonl"]
    assert not any(temporary.iterdir())


def test_there_must_be_one_task_in_one_folder(make_submission: MakeSubmission, tmp_path: Path) -> None:
    files = contents(make_submission())
    cases = {
        "there is no task.yaml; rename task.yml to task.yaml": {"task.yml": b"", "test.jsonl": b""},
        "there is no task.yaml; it says": {"test.jsonl": b""},
        "in a folder of a folder": {f"a/b/{name}": content for name, content in files.items()},
        "notes.md: outside the folder of a/task.yaml": {"notes.md": b"", "a/task.yaml": files["task.yaml"]},
        "several task.yaml": {"a/task.yaml": b"", "b/task.yaml": b""},
        "test.jsonl is not in the submission; there is dev.jsonl": {k: files[k] for k in ("task.yaml", "dev.jsonl")},
        "test.jsonl is not in the submission; there is no data file": {"task.yaml": files["task.yaml"]},
    }
    for i, (message, entries) in enumerate(cases.items()):
        assert message in refusal(zip_of(tmp_path / f"{i}.zip", entries))
    assert "there is no such file or folder" in refusal(tmp_path / "nowhere.zip")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"q": 1}\n{"q": "\xff"}\n', "test.jsonl, line 2: not UTF-8; save the file as UTF-8 text"),
        ('{"q": 1}'.encode("utf-16"), "test.jsonl, line 1: not UTF-8"),
        (b'{"q": 1}\n\n{"q": "\0"}', "test.jsonl, line 3: a NUL byte"),
        (b"\xed\xa0\x80", "test.jsonl, line 1: not UTF-8"),
        (b'{"q": "\xe2\x82', "test.jsonl, line 1: not UTF-8"),
        (b"\n" * 1_500_000 + b"\xff", "test.jsonl, line 1500001: not UTF-8"),
        (b"\n" + b"x" * 10_000_001, "test.jsonl, line 2: longer than 10 MB"),
        (b"\n" + b"x" * 10_000_001 + b"\n", "test.jsonl, line 2: longer than 10 MB"),
        (b"PK\x03\x04\0\0\0\0", "test.jsonl, line 1: a NUL byte"),
    ],
)
def test_text_that_is_not_utf8_is_refused_with_its_line(
    make_submission: MakeSubmission, content: bytes, message: str
) -> None:
    assert message in refusal(make_submission(test=content))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=8))
def test_any_damage_to_a_zip_ends_in_one_line_or_in_the_submission(
    tmp_path: Path, changes: list[tuple[int, int]]
) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("task.yaml", "task: x\n" * 3)
        archive.writestr("test.jsonl", '{"q": 1}\n' * 3)
    content = bytearray(buffer.getvalue())
    for location, byte in changes:
        content[location % len(content)] = byte
    (tmp_path / "s.zip").write_bytes(content)
    assert refusal(tmp_path / "s.zip")
