"""Runs of two workers that are started and watched, to be disturbed."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2lm.command_line import EXAMPLES


def start(suite: str | Path, out: Path) -> subprocess.Popen[str]:
    """`e2lm run` of the science-cloze example in the background, with what it says on its stderr."""
    arguments = ("run", EXAMPLES / "science-cloze", "--suite", suite, "--out", out, "--workers", "2")
    command = [sys.executable, "-m", "e2lm", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    """Process numbers of the workers of a run."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                command = (entry / "cmdline").read_text()
            except OSError:  # it ended meanwhile
                continue
            if parent == process.pid and "e2lm_ingestion.execution.process_worker" in command:
                found.append(int(entry.name))
    return found


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait for the condition while the process lives."""
    for _ in range(60_000):
        if condition():
            return
        assert process.poll() is None, "the run ended too early"
        time.sleep(0.005)
    pytest.fail("waited for minutes")


def finished(out: Path) -> int:
    """How many checkpoints the journal of a run holds."""
    journal = out / "results/progress.jsonl"
    return len(journal.read_text().splitlines()) - 1 if journal.is_file() else 0
