"""Mistakes on the command line: one line that says where and what to do, exit code 2, and nothing lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import pytest

from e2lm.cli.main import COMMANDS, main
from tests.e2lm.command_line import EXAMPLES, e2lm

SERIES = ("--iterations", "1000:16000:1000", "--tokens-per-step", "8")


def error_line(arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr of a command that ends with exit code 2."""
    try:
        code = main(list(arguments))
    except SystemExit as end:
        code = int(end.code or 0)
    lines = capsys.readouterr().err.splitlines()
    assert code == 2, lines
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["chek", "x"], "did you mean check?"),
        (["check"], "required: submission; see e2lm check --help"),
        (
            ["check", "my", "task"],
            "check: unrecognized arguments: task; put a path with spaces in quotes; see e2lm check --",
        ),
        (["codabench", "fetch", "x"], "phase: 'x' is not a whole number of 1 or more"),
        (["suite", "lst"], "see e2lm suite --help"),
        (["run", "x", "--workers", "-1"], "--workers: '-1' is not a whole number of 1 or more"),
        (["run", "x", "--deadline", "0"], "--deadline: '0' is not a number above 0"),
        (["run", "x", "--disk-budget", "nan"], "--disk-budget: 'nan' is not a number above 0"),
        (["suite", "new", "s", "a/b", "--revision", "step{iteration", *SERIES], 'such as "step{iteration}"'),
        (["suite", "new", "s", "a/b", "--revision", "step{iteraton}", *SERIES], 'such as "step{iteration}"'),
        (["overlap", "nowhere", str(EXAMPLES / "noise")], "nowhere: there is no such file or folder"),
        (["overlap", str(EXAMPLES / "noise"), "nowhere"], "nowhere: there is no such file or folder"),
        (["bundle", "-o", "b.zip", "--image", "a b"], "--image 'a b': not the name of an image"),
        (["run", str(EXAMPLES / "noise"), "--disk-budget", "5"], "the miniature one is trained here; leave it out"),
    ],
)
def test_wrong_arguments_are_one_line(arguments: list[str], part: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert part in error_line(arguments, capsys)


def test_the_version_is_that_of_the_installed_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"e2lm {metadata.version('e2lm')}\n"


def test_without_a_command_help_lists_participants_commands_apart_from_organizers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as end:
        main([])
    text = capsys.readouterr().out
    assert end.value.code == 0
    participants, organizers = text.partition("for organizers:")[::2]
    assert all(f"\n  {name} " in participants for name in ("new", "check", "run", "history", "metrics", "pack"))
    assert all(f"\n  {name} " in organizers for name in ("bundle", "rank", "leaderboard", "codabench"))
    assert all(f"\n  {name} " in text for name in COMMANDS)


@pytest.mark.parametrize("content", [b"", b"suite: [", b"\xff\xfe\x00"])
def test_an_unknown_suite_is_named(content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "suite.yaml"
    path.write_bytes(content)
    assert f"error: {path}: " in error_line(["check", str(EXAMPLES / "noise"), "--suite", str(path)], capsys)


def test_a_folder_in_the_place_of_a_suite_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "dir.yaml"
    path.mkdir()
    assert f"error: {path}: " in error_line(["suite", "show", str(path)], capsys)


def test_a_suite_without_scoring_is_refused_before_the_sweep(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copyfile(EXAMPLES.parents[1] / "e2lm/suites/miniature/suite.yaml", tmp_path / "suite.yaml")
    arguments = [
        "run",
        str(EXAMPLES / "noise"),
        "--suite",
        str(tmp_path / "suite.yaml"),
        "--out",
        str(tmp_path / "out"),
    ]
    assert str(tmp_path / "scoring.yaml") in error_line(arguments, capsys)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["pack", "suite"])
def test_a_file_in_the_place_of_a_folder_is_named_and_kept(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    arguments = {
        "pack": ["pack", str(EXAMPLES / "noise"), "-o", str(file / "x.zip")],
        "suite": ["suite", "new", str(file), "a/b", "--revision", "step{iteration}", *SERIES],
    }[command]
    assert f"error: {file}: File exists: a file exists where a folder is needed" in error_line(arguments, capsys)
    assert file.read_text() == "mine"


def test_a_zip_is_not_put_into_a_folder_of_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = error_line(["pack", str(EXAMPLES / "noise"), "-o", str(tmp_path)], capsys)
    assert line.endswith(f"a folder; give the zip a name, such as {tmp_path / 'submission.zip'}")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full is Linux's")
def test_a_full_disk_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    two = [str(EXAMPLES / name) for name in ("noise", "science-cloze")]
    assert main(["overlap", *two, "--out", "/dev/full"]) == 2
    assert "\nerror: /dev/full: No space left on device: free disk space" in capsys.readouterr().err


def test_more_workers_than_cores_are_refused(tmp_path: Path, miniature: Path) -> None:
    done = e2lm("run", EXAMPLES / "noise", "--out", tmp_path, "--workers", "999")
    assert done.returncode == 2
    assert done.stderr.startswith("error: --workers 999: give 1 to ")


@pytest.mark.slow
def test_a_closed_pipe_is_no_error() -> None:
    command = [sys.executable, "-m", "e2lm", "check", str(EXAMPLES / "noise")]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.slow
def test_a_terminal_without_unicode_shows_replacements(tmp_path: Path) -> None:
    folder = shutil.copytree(EXAMPLES / "noise", tmp_path / "größer als")
    done = e2lm("check", folder, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert r"gr\xf6\xdfer als" in done.stdout


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_help_says_what_a_command_is_for_and_gives_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    text = capsys.readouterr().out
    assert end.value.code == 0
    assert f"e2lm {command}" in text
    assert any(word in text for word in ("example", "next:", "ACTION"))
