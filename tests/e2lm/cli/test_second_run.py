"""The same command again: what is finished stays, what is missing is computed; two commands never share a folder."""

from __future__ import annotations

import json
import re
import shutil
import signal
import zipfile
from pathlib import Path

import pytest

from e2lm_ingestion.submission.file_rules import RUN_MARK
from e2lm_ingestion.submission.submission import open_submission
from tests.e2lm.command_line import EXAMPLES, e2lm
from tests.e2lm.run_folders import result_files, timeless_scores
from tests.e2lm.small_suite import CHECKPOINTS
from tests.e2lm.started_runs import finished, start, wait_until

CLOZE = EXAMPLES / "science-cloze"
FINISHED = "science-cloze is finished on every checkpoint of miniature; nothing is computed again"


@pytest.fixture
def finished_run(small_run: Path, tmp_path: Path) -> Path:
    """A copy of a finished run, to run into."""
    return Path(shutil.copytree(small_run, tmp_path / "finished"))


@pytest.mark.parametrize("options", [(), ("--workers", "2"), ("--engine", "transformers")], ids=" ".join)
def test_a_finished_run_prints_its_scores_and_needs_no_checkpoint(
    finished_run: Path, small_suite: Path, small_run: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    command: tuple[str | Path, ...] = ("run", CLOZE, "--suite", small_suite, "--out", finished_run, *options)
    done = e2lm(*command, E2LM_CHECKPOINTS=str(tmp_path / "none"))
    assert done.returncode == 0, done.stderr
    assert FINISHED in done.stdout
    scores = timeless_scores(small_run)
    assert f"score {scores['score']:.4f}" in done.stdout
    assert timeless_scores(finished_run) == scores
    for name in ("results/progress.jsonl", "results/results.json"):
        assert (finished_run / name).read_bytes() == (small_run / name).read_bytes()
        assert (finished_run / name).stat().st_mtime_ns == (small_run / name).stat().st_mtime_ns


def test_a_run_killed_before_its_last_file_is_completed_without_a_model(
    finished_run: Path, small_suite: Path, small_run: Path
) -> None:
    (finished_run / "results/results.json").unlink()
    for workers in ("1", "2"):
        done = e2lm("run", CLOZE, "--suite", small_suite, "--out", finished_run, "--workers", workers)
        assert done.returncode == 0, done.stderr
    assert result_files(finished_run) == result_files(small_run)
    journals = [run / "results/progress.jsonl" for run in (finished_run, small_run)]
    assert journals[0].read_text() == journals[1].read_text()


def test_a_damaged_file_of_a_finished_run_is_computed_again(
    finished_run: Path, small_suite: Path, small_run: Path
) -> None:
    harmed = next(finished_run.glob("results/checkpoints/*/*.npz"))
    harmed.write_bytes(b"")
    done = e2lm("run", CLOZE, "--suite", small_suite, "--out", finished_run)
    assert done.returncode == 0, done.stderr
    assert "nothing is computed again" not in done.stdout
    assert result_files(finished_run) == result_files(small_run)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "holds results of another submission, or of this one before it was changed"),
        (("--overwrite",), ""),
    ],
)
def test_changed_content_is_noticed_before_anything_else_and_overwritten_on_request(
    finished_run: Path, small_suite: Path, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    changed = Path(shutil.copytree(CLOZE, tmp_path / "science-cloze"))
    task = (changed / "task.yaml").read_text()
    (changed / "task.yaml").write_text(re.sub(r"metric_list:\n(  .*\n)+", "metric_list: [{metric: acc_norm}]\n", task))
    before = result_files(finished_run)
    command: tuple[str | Path, ...] = ("run", changed, "--suite", small_suite, "--out", finished_run, *options)
    if said:
        done = e2lm(*command, E2LM_CHECKPOINTS=str(tmp_path / "none"))
        assert done.returncode == 2
        assert said in done.stderr
        assert "--overwrite" in done.stderr
        assert result_files(finished_run) == before
    else:
        done = e2lm(*command)
        assert done.returncode == 0, done.stderr
        assert json.loads((finished_run / "results/results.json").read_text())["metric"] == "acc_norm"


def test_overwriting_with_a_wrong_submission_deletes_nothing(
    finished_run: Path, small_suite: Path, tmp_path: Path
) -> None:
    wrong = Path(shutil.copytree(CLOZE, tmp_path / "science-cloze"))
    (wrong / "test.jsonl").write_text("{}\n")
    before = {path: path.read_bytes() for path in finished_run.rglob("*") if path.is_file() and path.name != RUN_MARK}
    done = e2lm("run", wrong, "--suite", small_suite, "--out", finished_run, "--overwrite")
    assert done.returncode == 2
    assert all(path.read_bytes() == content for path, content in before.items())


def test_another_engine_than_asked_for_is_no_finished_run(finished_run: Path, small_suite: Path) -> None:
    done = e2lm("run", CLOZE, "--suite", small_suite, "--out", finished_run, "--dtype", "bfloat16")
    assert done.returncode == 2
    assert "holds results with another engine" in done.stderr


def test_a_second_command_in_one_folder_is_refused_with_the_number_of_the_first(
    small_suite: Path, small_run: Path, tmp_path: Path
) -> None:
    first = start(small_suite, tmp_path)
    wait_until(lambda: finished(tmp_path) >= 1, first)
    first.send_signal(signal.SIGSTOP)  # else it may end before the last of these has begun
    for command in (
        ("run", CLOZE, "--out", tmp_path),
        ("run", CLOZE, "--out", tmp_path / "inner"),
        ("rerun", CLOZE, "--out", tmp_path),
        ("rescore", small_run, "--metric", "acc_norm", "--out", tmp_path),
    ):
        done = e2lm(*command, "--suite", small_suite)
        assert done.returncode == 2, done.stdout
        assert f"process {first.pid} is writing there" in done.stderr
        assert "Traceback" not in done.stderr
    first.send_signal(signal.SIGKILL)
    first.communicate()
    done = e2lm("run", CLOZE, "--suite", small_suite, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert finished(tmp_path) == CHECKPOINTS, "a checkpoint was computed twice"
    assert result_files(tmp_path) == result_files(small_run)


@pytest.mark.parametrize("out", ["", "results of mine"])
def test_what_is_written_inside_the_tasks_folder_is_no_part_of_the_submission(
    small_suite: Path, small_run: Path, tmp_path: Path, out: str
) -> None:
    task = Path(shutil.copytree(CLOZE, tmp_path / "my-task"))
    with open_submission(task) as submission:
        digest = submission.sha256
    options = ("--suite", str(small_suite), *(("--out", out) if out else ()))
    left = out or f"build/my-task-{small_suite.parent.name}"  # as `e2lm run .` leaves it there
    shutil.copytree(small_run, task / left)
    for command in (("pack", "."), ("check", "."), ("run", ".", *options)) * 2:
        done = e2lm(*command, cwd=task)
        assert done.returncode == 0, done.stderr
    assert "nothing is computed again" in done.stdout
    with zipfile.ZipFile(task / "submission.zip") as packed:
        assert packed.namelist() == ["dev.jsonl", "task.yaml", "test.jsonl"]
    zipped = Path(shutil.make_archive(str(tmp_path / "by-hand"), "zip", tmp_path, "my-task"))
    for path in (task, zipped, task / "submission.zip"):
        with open_submission(path) as submission:
            assert submission.sha256 == digest
    for folder in (task, tmp_path):
        done = e2lm("run", "my-task" if folder == tmp_path else ".", "--out", task, cwd=folder)
        assert done.returncode == 2
        assert "--out is the submission's own folder" in done.stderr
