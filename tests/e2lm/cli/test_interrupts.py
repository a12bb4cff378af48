"""Ctrl-C, which a terminal sends to every process of a command: one line, kept work is named so, no process left."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2lm.command_line import EXAMPLES

pytestmark = pytest.mark.slow
KEPT = "interrupted; finished work is kept: the same command goes on"


def start(*arguments: str | Path, **environment: str) -> subprocess.Popen[str]:
    """A command in a process group of its own, as a shell starts one."""
    command = [sys.executable, "-m", "e2lm", *map(str, arguments)]
    return subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def group(process: subprocess.Popen[str]) -> Iterator[str]:
    """The command lines of the live processes of a group, the first one left out."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != process.pid:
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[2]) == process.pid and fields[0] != "Z":
                    yield (entry / "cmdline").read_text()
            except OSError:  # it ended meanwhile
                continue


def workers(process: subprocess.Popen[str]) -> int:
    names = ("spawn_main", "e2lm_ingestion.execution.process_worker")
    return sum(any(name in line for name in names) for line in group(process))


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(6_000):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("waited for minutes")


def said_when_interrupted(process: subprocess.Popen[str]) -> str:
    """The last line of a command's log after Ctrl-C; all others are those of its progress."""
    os.killpg(process.pid, signal.SIGINT)
    _, log = process.communicate(timeout=60)
    assert process.returncode == 130, log
    assert not [word for word in ("Traceback", "KeyboardInterrupt", "Warning") if word in log], log
    wait_until(lambda: not list(group(process)))
    return log.splitlines()[-1]


@pytest.mark.parametrize("seconds", [0.1, 8.0], ids=["while the workers start", "while they train"])
def test_training_ends_in_one_line_and_keeps_complete_models(miniature: Path, tmp_path: Path, seconds: float) -> None:
    complete = next(path for path in sorted(miniature.glob("miniature/mini-*")) if (path / "recipe.sha256").is_file())
    shutil.copytree(complete, tmp_path / "miniature" / complete.name)
    process = start("suite", "fetch", "miniature", E2LM_CHECKPOINTS=str(tmp_path))
    wait_until(lambda: workers(process) == 2 or process.poll() is not None)
    time.sleep(seconds)
    assert said_when_interrupted(process) == KEPT
    left = sorted(path.name for path in (tmp_path / "miniature").iterdir())
    assert left == [".lock", complete.name], "half a model was left, or a whole one was not"


def test_no_trainer_outlives_a_command_that_is_terminated(tmp_path: Path) -> None:
    process = start("suite", "fetch", "miniature", E2LM_CHECKPOINTS=str(tmp_path))
    wait_until(lambda: workers(process) == 2 or process.poll() is not None)
    process.terminate()
    process.communicate(timeout=60)
    wait_until(lambda: not list(group(process)))


@pytest.mark.parametrize("command", ["run", "run --workers 2", "rerun"])
def test_a_run_says_that_its_checkpoints_are_kept(miniature: Path, tmp_path: Path, command: str) -> None:
    name, *options = command.split()
    process = start(name, EXAMPLES / "noise", "--out", tmp_path, *options)
    wait_until(lambda: bool(list(tmp_path.rglob("iter_*.npz"))) or process.poll() is not None)
    assert said_when_interrupted(process) == KEPT


def test_a_command_that_keeps_nothing_does_not_say_so(tmp_path: Path) -> None:
    entries = tmp_path / "entries.json"
    os.mkfifo(entries)  # whoever reads it waits for a writer
    process = start("leaderboard", tmp_path, "-o", tmp_path / "site", "--entries", entries)
    writer: list[int] = []

    def is_read() -> bool:
        with contextlib.suppress(OSError):  # nobody reads yet
            writer.append(os.open(entries, os.O_WRONLY | os.O_NONBLOCK))
        return bool(writer) or process.poll() is not None

    wait_until(is_read)
    assert said_when_interrupted(process) == "interrupted"
    os.close(writer[0])
