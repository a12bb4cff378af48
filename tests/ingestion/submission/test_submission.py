"""Zips and folders as participants make them; tests/ingestion/hostile has those of attackers."""

from __future__ import annotations

import io
import os
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.output_types.items import build_items
from e2lm_ingestion.submission.submission import Submission, open_submission
from tests.ingestion.submissions import MakeSubmission, documents, json_lines


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
        ('{"q": 1}'.encode("utf-16"), "test.jsonl, line 1: UTF-16 text: save it as UTF-8"),
        (b'{"q": 1}\n\n{"q": "\0"}', "test.jsonl, line 3: a NUL byte"),
        (b"\xed\xa0\x80", "test.jsonl, line 1: not UTF-8"),
        (b'{"q": "\xe2\x82', "test.jsonl, line 1: not UTF-8"),
        (b"\n" * 1_500_000 + b"\xff", "test.jsonl, line 1500001: not UTF-8"),
        (b"\n" + b"x" * 10_000_001, "test.jsonl, line 2: longer than 10 MB"),
        (b"\n" + b"x" * 10_000_001 + b"\n", "test.jsonl, line 2: longer than 10 MB"),
        (b"PK\x03\x04\0\0\0\0", "test.jsonl, line 1: a spreadsheet or a zip"),
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


def test_names_as_other_tools_write_them_are_read(make_submission: MakeSubmission, tmp_path: Path) -> None:
    data = {"dataset_kwargs": {"data_files": {"test": "données.jsonl"}}}
    folder = make_submission(data, files={"données.jsonl": json_lines(documents())})
    (folder / "test.jsonl").unlink()
    files = contents(folder)
    decomposed = {unicodedata.normalize("NFD", name): content for name, content in files.items()}
    shapes = {
        "PowerShell": {f"my-task\\{name}": content for name, content in files.items()},
        "dots": {f"./{name}": content for name, content in files.items()},
        "Finder": {name.encode().decode("cp437"): content for name, content in decomposed.items()},
    }
    expected = opened(folder)
    for shape, entries in shapes.items():
        found = opened(zip_of(tmp_path / f"{shape}.zip", entries))
        assert (found.sha256, sorted(found.files)) == (expected.sha256, sorted(expected.files)), shape
        assert build_items_of(tmp_path / f"{shape}.zip") == 100


def build_items_of(path: Path) -> int:
    with open_submission(path) as submission:
        return len(build_items(submission))


def test_a_name_in_the_unicode_path_field_is_read(make_submission: MakeSubmission, tmp_path: Path) -> None:
    path = zip_of(tmp_path / "s.zip", contents(make_submission()))
    info = zipfile.ZipInfo("notes_.md")
    field = struct.pack("<BL", 1, zlib.crc32(b"notes_.md")) + "notesé.md".encode()
    info.extra = struct.pack("<HH", 0x7075, len(field)) + field
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(info, "x")
    assert "notesé.md" in opened(path).files


def test_what_is_surely_no_data_is_left_out_with_a_note(make_submission: MakeSubmission, tmp_path: Path) -> None:
    clean = opened(make_submission()).sha256
    clutter = {
        ".git/HEAD": "x",
        ".gitignore": "x",
        "__pycache__/a.pyc": "x",
        ".ipynb_checkpoints/task.yaml": "x",
        "Thumbs.db": "x",
        "desktop.ini": "x",
        "LICENSE": "x",
        "paper.PDF": "x",
    }
    folder = tmp_path / "submission"
    for name, content in clutter.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)
    for path in (folder, zip_of(tmp_path / "s.zip", contents(folder))):
        found = opened(path)
        assert found.sha256 == clean
        assert {name.split("/")[0] for name in found.left_out} == {name.split("/")[0] for name in clutter}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("my_task.yaml", "there is no task.yaml; rename my_task.yaml to task.yaml"),
        ("task.yaml.txt", "task.yaml.txt: an editor added .txt to the name: rename it without .txt"),
        ("Task.yaml", "there is no task.yaml; rename Task.yaml to task.yaml"),
        ("items.xlsx", 'items.xlsx: a spreadsheet: save it as "CSV UTF-8 (comma delimited)"'),
        ("items.tsv", "items.tsv: columns separated by tabs: save it with commas as .csv"),
        ("items.ndjson", "items.ndjson: one JSON object per line: rename it to .jsonl"),
        ("items.jsonl.gz", "items.jsonl.gz: compressed: unpack it"),
        ("utils.py", "nothing of it runs: remove it; `e2lm import-lm-eval` writes"),
    ],
)
def test_a_file_that_is_nearly_right_is_named_with_the_remedy(
    make_submission: MakeSubmission, name: str, message: str
) -> None:
    folder = make_submission(files={name: "x: y"})
    if "task" in name.lower():
        (folder / "task.yaml").unlink()
    assert message in refusal(folder)


def test_the_file_of_a_task_alone_is_answered_with_its_folder(make_submission: MakeSubmission) -> None:
    folder = make_submission()
    assert refusal(folder / "task.yaml").endswith(f"a task's file alone: give its folder, {folder}, or a zip of it")
