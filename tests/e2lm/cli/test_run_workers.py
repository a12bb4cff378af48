"""`e2lm run --workers`: several processes give the files that one gives, whatever happens to them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2lm.command_line import EXAMPLES, e2lm
from tests.e2lm.run_folders import result_files, timeless_scores
from tests.e2lm.small_suite import CHECKPOINTS
from tests.e2lm.started_runs import finished, start, wait_until, workers_of

CLOZE = str(EXAMPLES / "science-cloze")


def test_two_processes_give_the_files_of_one(small_suite: Path, small_run: Path, tmp_path: Path) -> None:
    done = e2lm("run", CLOZE, "--suite", small_suite, "--out", tmp_path, "--workers", "2")
    assert done.returncode == 0, done.stderr
    assert result_files(tmp_path) == result_files(small_run)
    assert timeless_scores(tmp_path) == timeless_scores(small_run)


def test_a_killed_worker_is_named_and_another_takes_its_place(
    small_suite: Path, small_run: Path, tmp_path: Path
) -> None:
    process = start(small_suite, tmp_path)
    wait_until(lambda: finished(tmp_path) >= 3, process)
    workers = workers_of(process)
    assert len(workers) == 2
    os.kill(workers[0], signal.SIGKILL)
    _, said = process.communicate()
    assert process.returncode == 0, said
    assert "mini-" in said
    assert "was ended by signal SIGKILL; another one is started" in said
    assert result_files(tmp_path) == result_files(small_run)
    assert finished(tmp_path) == CHECKPOINTS, "a checkpoint was computed twice"


def test_no_worker_outlives_a_killed_run(small_suite: Path, tmp_path: Path) -> None:
    process = start(small_suite, tmp_path)
    wait_until(lambda: finished(tmp_path) >= 1, process)
    workers = workers_of(process)
    assert len(workers) == 2
    process.kill()
    process.communicate()
    for _ in range(2000):
        if not any(Path(f"/proc/{worker}").exists() for worker in workers):
            return
        time.sleep(0.005)
    pytest.fail("workers go on after their run was killed")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_deadline_ends_the_run_and_keeps_what_is_finished(miniature: Path, tmp_path: Path, workers: str) -> None:
    done = e2lm("run", CLOZE, "--out", tmp_path, "--workers", workers, "--deadline", "0.02")
    assert done.returncode == 2
    assert "error: out of time" in done.stderr
    assert "Traceback" not in done.stderr
    assert 1 <= finished(tmp_path) < 154
    assert not (tmp_path / "results/results.json").exists()


def test_nothing_of_the_current_folder_is_imported(small_suite: Path, tmp_path: Path) -> None:
    for module in ("numpy", "torch", "e2lm_ingestion", "string"):
        (tmp_path / f"{module}.py").write_text('open("it_ran", "w").close()\nraise SystemExit(3)\n')
    options = ("--suite", str(small_suite), "--out", "out", "--workers", "2")
    command = [str(Path(sys.executable).with_name("e2lm")), "run", CLOZE, *options]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "it_ran").exists()


def test_fewer_than_one_worker_is_refused(tmp_path: Path) -> None:
    done = e2lm("run", CLOZE, "--out", tmp_path, "--workers", "0")
    assert done.returncode == 2
    assert "--workers" in done.stderr
    assert "Traceback" not in done.stderr
