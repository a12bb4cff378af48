"""Zips and folders as people and attackers make them."""

from __future__ import annotations

import io
import os
import stat
import struct
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.submission import Submission, open_submission
from tests.ingestion.conftest import MakeSubmission


def zip_of(path: Path, entries: Mapping[str, bytes | str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refusal(path: Path) -> str:
    """The message, and that nothing was left behind in the folder of temporary files."""
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


def test_a_zip_is_unpacked_into_a_folder_that_goes_away(
    make_submission: MakeSubmission, tmp_path: Path, temporary: Path
) -> None:
    path = zip_of(tmp_path / "s.zip", contents(make_submission()))
    with open_submission(path) as submission:
        assert submission.name == "sums"
        assert submission.root.is_relative_to(temporary)
        assert sorted(child.name for child in submission.root.iterdir()) == ["dev.jsonl", "task.yaml", "test.jsonl"]
    assert not any(temporary.iterdir())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("/etc/x.txt", "leads out of the submission"),
        ("../x.txt", "leads out of the submission"),
        ("a/../../x.txt", "leads out of the submission"),
        ("a\\x.txt", "leads out of the submission"),
        ("C:/x.txt", "leads out of the submission"),
        ("a//x.txt", "not a plain file name"),
        ("./x.txt", "not a plain file name"),
        ("a\nb.txt", "not a plain file name"),
        ("\u202etxt.txt", "not a plain file name"),
        ("d/" * 9 + "x.txt", "in more than 8 folders"),
        ("x" * 300 + ".txt", "too long"),
        ("../folder/", "leads out of the submission"),
        ("metadata.yaml", "Codabench would run it as a program"),
        ("deep/Metadata.YML", "Codabench would run it as a program"),
        ("metadata", "Codabench would run it as a program"),
        ("run.py", "data, not programs or archives"),
        ("lib.so", "data, not programs or archives"),
        ("inner.zip", "data, not programs or archives"),
        ("data.jsonl.gz", "data, not programs or archives"),
        ("results.npz", "data, not programs or archives"),
        ("noextension", "data, not programs or archives"),
        ("TEST.jsonl", "has the same name"),
        ("task.yaml/x.txt", "is a file and a folder"),
        ("more/task.yaml", "several task.yaml: more/task.yaml, task.yaml|several task.yaml: task.yaml, more/task.yaml"),
    ],
)
def test_an_entry_with_a_wrong_name_is_refused(
    make_submission: MakeSubmission, tmp_path: Path, name: str, message: str
) -> None:
    path = zip_of(tmp_path / "s.zip", {**contents(make_submission()), name: b"x"})
    assert any(part in refusal(path) for part in message.split("|"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["s.zip", "submission", "temporary"]


def with_entry(change: Callable[[zipfile.ZipInfo], None]) -> Callable[[Path, dict[str, bytes]], None]:
    def write(path: Path, files: dict[str, bytes]) -> None:
        zip_of(path, files)
        info = zipfile.ZipInfo("extra.txt")
        change(info)
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(info, b"/etc/passwd")

    return write


def set_mode(mode: int) -> Callable[[zipfile.ZipInfo], None]:
    def change(info: zipfile.ZipInfo) -> None:
        info.create_system, info.external_attr = 3, (mode | 0o644) << 16

    return change


def set_method(method: int) -> Callable[[zipfile.ZipInfo], None]:
    def change(info: zipfile.ZipInfo) -> None:
        info.compress_type = method

    return change


def encrypted(path: Path, files: dict[str, bytes]) -> None:
    content = bytearray(zip_of(path, files).read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.find(signature) + offset] |= 1
    path.write_bytes(content)


def duplicated(path: Path, files: dict[str, bytes]) -> None:
    zip_of(path, files)
    with warnings.catch_warnings(), zipfile.ZipFile(path, "a") as archive:
        warnings.simplefilter("ignore")
        archive.writestr("test.jsonl", b"{}")


def bomb(path: Path, files: dict[str, bytes]) -> None:
    zip_of(path, {**files, "zeros.txt": b"0" * 30_000_000})


def declared_too_large(path: Path, files: dict[str, bytes]) -> None:
    content = bytearray(zip_of(path, files).read_bytes())
    place = content.find(b"PK\x01\x02")
    content[place + 20 : place + 28] = struct.pack("<II", 4_000_000, 600_000_000)
    path.write_bytes(content)


def declared_too_small(path: Path, files: dict[str, bytes]) -> None:
    content = bytearray(zip_of(path, files).read_bytes())
    place = content.find(b"PK\x01\x02")
    content[place + 24 : place + 28] = struct.pack("<I", 5)
    path.write_bytes(content)


def many(path: Path, files: dict[str, bytes]) -> None:
    zip_of(path, {**files, **{f"{i}.txt": b"" for i in range(199)}})


def very_many(path: Path, files: dict[str, bytes]) -> None:
    zip_of(path, {**files, **{f"{i}.txt": b"" for i in range(2100)}})


def many_hidden_in_a_leftover(path: Path, files: dict[str, bytes]) -> None:
    zip_of(path, {**files, **{f"__MACOSX/{i}.txt": b"" for i in range(2100)}})


def empty(path: Path, files: dict[str, bytes]) -> None:
    zip_of(path, {})


def only_leftovers(path: Path, files: dict[str, bytes]) -> None:
    zip_of(path, {"__MACOSX/x": b"", "folder/": b"", ".DS_Store": b""})


def not_a_zip(path: Path, files: dict[str, bytes]) -> None:
    path.write_bytes(b"\x1f\x8b\x08tar.gz")


def script_before_zip(path: Path, files: dict[str, bytes]) -> None:
    path.write_bytes(b"#!/bin/sh\n" + zip_of(path, files).read_bytes())


def cut_short(path: Path, files: dict[str, bytes]) -> None:
    content = zip_of(path, files).read_bytes()
    path.write_bytes(content[: len(content) // 2])


def no_bytes(path: Path, files: dict[str, bytes]) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (with_entry(set_mode(stat.S_IFLNK)), "extra.txt: a link or device"),
        (with_entry(set_mode(stat.S_IFCHR)), "extra.txt: a link or device"),
        (with_entry(set_mode(stat.S_IFIFO)), "extra.txt: a link or device"),
        (with_entry(set_method(zipfile.ZIP_LZMA)), "extra.txt: packed with an unusual method"),
        (with_entry(set_method(zipfile.ZIP_BZIP2)), "extra.txt: packed with an unusual method"),
        (encrypted, "jsonl: encrypted; zip it without a password"),
        (duplicated, "test.jsonl: test.jsonl has the same name"),
        (bomb, "zeros.txt: unpacks to more than 200 times its size"),
        (declared_too_large, "600 MB; at most 200 files and 500 MB"),
        (declared_too_small, "s.zip: damaged: "),
        (many, "202 files, "),
        (very_many, "s.zip: too many files"),
        (many_hidden_in_a_leftover, "s.zip: too many files"),
        (empty, "s.zip: the zip is empty"),
        (only_leftovers, "the zip is empty"),
        (not_a_zip, "s.zip: not a zip"),
        (script_before_zip, "s.zip: not a zip"),
        (cut_short, "s.zip: damaged: File is not a zip file"),
        (no_bytes, "s.zip: not a zip"),
    ],
)
def test_a_hostile_or_broken_zip_is_refused(
    make_submission: MakeSubmission, tmp_path: Path, write: Callable[[Path, dict[str, bytes]], None], message: str
) -> None:
    write(tmp_path / "s.zip", contents(make_submission()))
    assert message in refusal(tmp_path / "s.zip")


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
def test_text_that_is_no_text_is_refused_with_its_line(
    make_submission: MakeSubmission, content: bytes, message: str
) -> None:
    assert message in refusal(make_submission(test=content))


def test_a_parquet_name_needs_parquet_content(make_submission: MakeSubmission) -> None:
    assert "x.parquet: not a parquet file" in refusal(make_submission(files={"x.parquet": b"MZ program"}))


def test_a_folder_may_not_hold_links_or_pipes(make_submission: MakeSubmission, tmp_path: Path) -> None:
    folder = make_submission()
    (tmp_path / "secret.txt").write_text("secret")
    for make in (
        lambda path: path.symlink_to(tmp_path / "secret.txt"),
        lambda path: path.symlink_to(tmp_path, target_is_directory=True),
        lambda path: os.mkfifo(path),
    ):
        make(folder / "link.txt")
        assert "link.txt: a link or device; put the file itself there" in refusal(folder)
        (folder / "link.txt").unlink()


@pytest.mark.parametrize("name", ["metadata.yaml", "run.py", "metadata", ".hidden"])
def test_a_folder_is_held_to_the_same_names_as_a_zip(make_submission: MakeSubmission, name: str) -> None:
    assert refusal(make_submission(files={name: "command: ls"})).startswith(f"{name}: ")


def test_a_folder_of_very_many_files_is_not_walked_to_the_end(make_submission: MakeSubmission) -> None:
    folder = make_submission()
    for i in range(500):
        (folder / f"folder{i}").mkdir()
    assert "more than 200 files" in refusal(folder)


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
    for place, byte in changes:
        content[place % len(content)] = byte
    (tmp_path / "s.zip").write_bytes(content)
    assert refusal(tmp_path / "s.zip")
