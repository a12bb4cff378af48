"""Every failure of ingestion ends with one line that gives the reason, exit code 2, and no traceback."""

from __future__ import annotations

import importlib.util
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2lm.command_line import EXAMPLES, PROJECT_ROOT

PROGRAM = PROJECT_ROOT / "ingestion_program/ingestion.py"


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    """The miniature suite, the example science-cloze, an output folder, and the folder of checkpoints."""
    (tmp_path / "input_data").mkdir()
    shutil.copy(PROJECT_ROOT / "e2lm/suites/miniature/suite.yaml", tmp_path / "input_data")
    (tmp_path / "input_data/e2lm.key").write_text("0123456789abcdef" * 4)
    submission = shutil.copytree(EXAMPLES / "science-cloze", tmp_path / "submission")
    return [str(tmp_path / "input_data"), str(submission), str(tmp_path / "output"), "--checkpoints", str(tmp_path)]


def empty_submission(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def a_gigabyte(folder: Path) -> None:
    os.truncate(folder / "test.jsonl", 1 << 30)


def a_zip_of_a_gigabyte(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_bytes(b"PK\x03\x04")
    os.truncate(folder, 1 << 30)


def a_program(folder: Path) -> None:
    (folder / "metadata.yaml").write_text("command: id")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (empty_submission, "there is no task.yaml; it says where the items are"),
        (a_gigabyte, "MB; at most 200 files and 500 MB in all"),
        (a_zip_of_a_gigabyte, "submission: 1,074 MB; at most 500 MB"),
        (a_program, "metadata.yaml: Codabench would run it as a program; remove it"),
        (lambda folder: (folder.parent / "input_data/suite.yaml").unlink(), "suite.yaml: there is no such file"),
        (lambda folder: None, "miniature/mini-150k-arch1/iter_0004000/config.json: missing"),
    ],
)
def test_a_refused_submission_or_suite_is_one_line(
    change: Callable[[Path], None],
    reason: str,
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    change(tmp_path / "submission")
    spec = importlib.util.spec_from_file_location("ingestion", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    monkeypatch.setattr(sys, "argv", ["ingestion.py", *arguments])
    assert program.main() == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert reason in error


def no_room() -> None:
    """Limit the files of this process to 4 kB."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


@pytest.mark.parametrize(
    ("options", "limit", "reason"),
    [
        ([], no_room, "File too large; organizers: check that the worker's disk has room"),
        (["--deadline", "0.001"], None, "out of time: "),
        (["--deadline", "1", "--gpu", "T4"], None, "does not fit the time limit: the forecast is "),
    ],
)
def test_what_ends_a_run_is_its_last_line(
    options: list[str], limit: Callable[[], None] | None, reason: str, arguments: list[str], miniature: Path
) -> None:
    arguments[-1] = str(miniature)
    done = subprocess.run(
        [sys.executable, str(PROGRAM), *arguments, *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        preexec_fn=limit,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 2, done.stderr
    assert reason in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
