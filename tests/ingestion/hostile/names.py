"""Folders with links, devices and bad file names."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from tests.ingestion.hostile.corpus import TOLERATED, Case, right_files, write_folder

LINK = "a link or device; put the file itself there"


def beside(make: Callable[[Path], object]) -> Callable[[Path], Path]:
    """A valid folder in which `make` has added something."""

    def write(folder: Path) -> Path:
        root = write_folder(folder, right_files())
        make(root)
        return root

    return write


def file(name: str | bytes, content: bytes = b"x") -> Callable[[Path], Path]:
    def make(root: Path) -> None:
        path = os.path.join(os.fsencode(root), name if isinstance(name, bytes) else os.fsencode(name))
        with open(path, "wb") as stream:
            stream.write(content)

    return beside(make)


def deep_folders(root: Path) -> None:
    path = root
    for _ in range(12):
        path = path / "d"
        path.mkdir()
    (path / "x.txt").write_text("x")


def many_folders(root: Path) -> None:
    for i in range(500):
        (root / f"{i}").mkdir()


def secret_behind_a_link(root: Path) -> None:
    (root.parent / "secret.jsonl").write_text("secret")
    (root / "test.jsonl").unlink()
    (root / "test.jsonl").symlink_to(root.parent / "secret.jsonl")


def planted_arrays(root: Path) -> None:
    (root / "checkpoints/a").mkdir(parents=True)
    (root / "checkpoints/a/x.json").write_text("[]")


def twice_with_a_backslash(root: Path) -> None:
    (root / "a").mkdir()
    (root / "a/x.txt").write_text("x")
    (root / "a\\x.txt").write_text("y")


def link_in_git(root: Path) -> None:
    (root / ".git").mkdir()
    (root / ".git/config.txt").symlink_to("/etc/passwd")


CASES = [
    Case("name link to a file", beside(lambda root: (root / "x.txt").symlink_to("/etc/passwd")), LINK),
    Case("name link to a folder", beside(lambda root: (root / "x").symlink_to("/etc")), LINK),
    Case("name link to itself", beside(lambda root: (root / "x").symlink_to(root)), LINK),
    Case("name link to nothing", beside(lambda root: (root / "x.txt").symlink_to("nowhere")), LINK),
    Case("name data behind a link", beside(secret_behind_a_link), LINK),
    Case("name pipe", beside(lambda root: os.mkfifo(root / "x.txt")), LINK),
    Case("name with a line break", file("a\nb.txt"), "not a plain file name"),
    Case("name with a terminal sequence", file("a\x1b[31m.txt"), "not a plain file name"),
    Case("name written right to left", file("\u202etxt.exe.txt"), "not a plain file name"),
    Case("name that is no UTF-8", file(b"\xff\xfe.txt"), "not a plain file name"),
    Case("name too long", file("x" * 240 + ".txt"), "too long"),
    Case("name with a backslash", file("..\\x.txt"), "leads out"),
    Case("name hidden", file(".hidden"), "data, not programs"),
    Case("name with backslashes that leave", file("a\\..\\..\\x.txt"), "leads out"),
    Case("name with a drive and backslashes", file("C:\\x.txt"), "leads out"),
    Case("name that is results in code page 437", file("checkpoints\\x.json"), "named like a file"),
    Case("name twice, one with a backslash", beside(twice_with_a_backslash), "two files have this name"),
    Case("name of a program without an ending", file("run", b"\x7fELF\0"), "run, line 1: a NUL byte"),
    Case("name of Codabench's program without an ending", file("metadata"), "Codabench would run it"),
    Case("name of version control", beside(lambda root: (root / ".git").mkdir()), TOLERATED),
    Case("name of a link in version control", beside(link_in_git), TOLERATED),
    Case("name of a notebook", file("x.ipynb"), "data, not programs"),
    Case("name of a program", file("run.sh"), "data, not programs"),
    Case("name of a compiled program", file("lib.so"), "data, not programs"),
    Case("name of Codabench's", file("metadata"), "Codabench would run it"),
    Case("name of results", file("results.json"), r"results\.json: named like a file that the competition itself"),
    Case("name of a seal in capitals", file("SEAL.json"), "named like a file that the competition itself writes"),
    Case("name of the journal", file("progress.jsonl"), "named like a file that the competition itself writes"),
    Case("name of scores", file("scores.json"), "named like a file that the competition itself writes"),
    Case("name of a report", file("detailed_results.html"), "named like a file that the competition itself writes"),
    Case("name in the folder of arrays", beside(planted_arrays), "checkpoints/a/x.json: named like"),
    Case("name deep", beside(deep_folders), "in more than 8 folders"),
    Case("name of 500 folders", beside(many_folders), "more than 200 files"),
    Case("name of a parquet that is none", file("x.parquet", b"MZ program"), "not a parquet file"),
    Case("name of task in capitals", lambda f: write_folder(f, {"TASK.YAML": b""}), "rename TASK.YAML to task.yaml"),
    Case("name of a folder as task", lambda f: write_folder(f, {"task.yaml/x.txt": b""}), "there is no task.yaml"),
    Case("name nowhere", lambda f: f / "nowhere", "there is no such file or folder"),
    Case("name with spaces and accents", file("notes sur l'\u00e9t\u00e9.md"), TOLERATED),
    Case("name of macOS leftovers", file("._task.yaml", b"\0"), TOLERATED),
]
