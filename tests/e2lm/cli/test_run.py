"""`e2lm run`: its files, its errors for bad input, and resuming a killed run."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from e2lm.suites.registry import SUITES
from e2lm_ingestion.suite import checkpoints_of, load_suite
from tests.e2lm.command_line import EXAMPLES, e2lm
from tests.e2lm.run_folders import result_files, timeless_scores


def test_a_run_leaves_results_scores_and_a_report(science_cloze_run: Path) -> None:
    results = json.loads((science_cloze_run / "results/results.json").read_text())
    assert results["schema"] == "e2lm-results/1"
    assert results["suite"] == "miniature"
    assert results["task"] == "science-cloze"
    row = results["checkpoints"][0]
    arrays = np.load(science_cloze_run / "results" / row["arrays"])
    assert row["score"] == pytest.approx(float(arrays["item_scores"].mean(dtype=np.float64)))
    assert row["items"] == len(arrays["item_scores"])
    scores = json.loads((science_cloze_run / "scores.json").read_text())
    assert all(np.isfinite(value) for value in scores.values())
    assert scores["score"] == pytest.approx(0.5 * scores["sq"] + 0.1 * scores["rc"] + 0.4 * scores["cs"])
    assert "</html>" in (science_cloze_run / "detailed_results.html").read_text()


def test_a_run_killed_three_times_ends_with_the_same_files(small_suite: Path, small_run: Path, tmp_path: Path) -> None:
    journal = tmp_path / "results/progress.jsonl"
    arguments = ("run", EXAMPLES / "science-cloze", "--suite", small_suite, "--out", tmp_path)
    command = [sys.executable, "-m", "e2lm", *map(str, arguments)]
    kept: list[str] = []
    for finished in (1, 8, 16):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not journal.is_file() or len(journal.read_text().splitlines()) <= finished:
            assert process.poll() is None, "the run ended before it could be killed"
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not (tmp_path / "results/results.json").exists()
        lines = journal.read_text().splitlines(keepends=True)
        assert lines[: len(kept)] == kept, "finished checkpoints were computed again"
        kept = [line for line in lines if line.endswith("\n")]
    done = e2lm(*arguments)
    assert done.returncode == 0, done.stderr
    assert journal.read_text().splitlines(keepends=True)[: len(kept)] == kept
    assert result_files(tmp_path) == result_files(small_run)
    assert timeless_scores(tmp_path) == timeless_scores(small_run)


def one_line_error(done: subprocess.CompletedProcess[str]) -> str:
    """The error of a run that ended with exit code 2, checked to be one line without a traceback."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    return lines[0]


def copy_of(example: str, folder: Path) -> Path:
    return Path(shutil.copytree(EXAMPLES / example, folder / example))


def no_zip(folder: Path) -> Path:
    path = folder / "submission.zip"
    path.write_text("this is not a zip")
    return path


def no_task(folder: Path) -> Path:
    submission = copy_of("science-cloze", folder)
    (submission / "task.yaml").unlink()
    return submission


def unknown_key(folder: Path) -> Path:
    submission = copy_of("science-cloze", folder)
    with (submission / "task.yaml").open("a") as stream:
        stream.write("\nnum_fewshots: 5\n")
    return submission


def missing_data(folder: Path) -> Path:
    submission = copy_of("science-cloze", folder)
    (submission / "test.jsonl").unlink()
    return submission


def too_few_items(folder: Path) -> Path:
    submission = copy_of("science-cloze", folder)
    lines = (submission / "test.jsonl").read_text().splitlines(keepends=True)
    (submission / "test.jsonl").write_text("".join(lines[:99]))
    return submission


def too_many_items(folder: Path) -> Path:
    submission = copy_of("science-cloze", folder)
    lines = (submission / "test.jsonl").read_text().splitlines(keepends=True)
    (submission / "test.jsonl").write_text("".join((lines * 101)[:15_001]))
    return submission


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (no_zip, "submission.zip"),
        (no_task, "task.yaml"),
        (unknown_key, "num_fewshots"),
        (missing_data, "test.jsonl"),
        (too_few_items, "99"),
        (too_many_items, "line 15001"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_bad_submissions_end_in_one_line_and_leave_nothing(
    miniature: Path, tmp_path: Path, spoil: object, expected: str
) -> None:
    assert callable(spoil)
    out = tmp_path / "out"
    assert expected in one_line_error(e2lm("run", spoil(tmp_path), "--out", out))
    assert not out.exists()


@pytest.fixture
def broken_suite(miniature: Path, tmp_path: Path) -> Path:
    """A root of links to the trained checkpoints, but for one that is a copy and can be harmed."""
    root = tmp_path / "checkpoints"
    checkpoints = checkpoints_of(load_suite(SUITES["miniature"].suite), miniature)
    for checkpoint in checkpoints:
        link = root / checkpoint.path.relative_to(miniature)
        link.parent.mkdir(parents=True, exist_ok=True)
        if checkpoint is checkpoints[3]:
            shutil.copytree(checkpoint.path, link)
        else:
            link.symlink_to(checkpoint.path)
    return root / checkpoints[3].path.relative_to(miniature)


@pytest.mark.parametrize("harm", ["missing", "truncated"])
def test_a_missing_or_truncated_checkpoint_is_named_before_anything_runs(
    broken_suite: Path, tmp_path: Path, harm: str
) -> None:
    weights = broken_suite / "model.safetensors"
    if harm == "missing":
        weights.unlink()
    else:
        weights.write_bytes(weights.read_bytes()[:-100])
    root = broken_suite.parents[2]
    done = e2lm("run", EXAMPLES / "science-cloze", "--out", tmp_path / "out", E2LM_CHECKPOINTS=str(root))
    assert harm in one_line_error(done)
    assert str(weights) in done.stderr
    assert not (tmp_path / "out").exists()


def test_suite_show_lists_every_checkpoint_with_its_path(miniature: Path) -> None:
    listed = json.loads(e2lm("suite", "show", "miniature", "--json").stdout)
    assert listed["suite"] == "miniature"
    assert all(Path(row["path"], "model.safetensors").is_file() for row in listed["checkpoints"])


def test_an_unknown_suite_names_those_that_exist(tmp_path: Path) -> None:
    done = e2lm("run", EXAMPLES / "science-cloze", "--suite", "minature", "--out", tmp_path)
    assert "miniature" in one_line_error(done)


def test_a_run_prints_other_metrics_and_advice_before_its_scores(small_run: Path, small_suite: Path) -> None:
    done = e2lm("run", EXAMPLES / "science-cloze", "--suite", small_suite, "--out", small_run)
    assert done.returncode == 0, done.stderr
    assert "The same answers under other metrics" in done.stdout
    assert "acc (this task's)" in done.stdout
    assert "is partly luck" in done.stdout
    assert done.stdout.index("acc (this task's)") < done.stdout.index("science-cloze: score ")


def test_json_is_all_that_a_program_reads_and_the_report_opens_in_the_browser(
    small_run: Path, small_suite: Path, tmp_path: Path
) -> None:
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    browser.chmod(0o755)
    arguments = ("run", EXAMPLES / "science-cloze", "--suite", small_suite, "--out", small_run, "--json", "--open")
    done = e2lm(*arguments, BROWSER=f"{browser} %s")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["scores"] == json.loads((small_run / "scores.json").read_text())
    assert {row["metric"] for row in told["metrics"]} >= {"acc", "correct_prob"}
    assert opened.read_text().strip() == (small_run / "detailed_results.html").resolve().as_uri()
    assert "nothing is computed again" in done.stderr


def test_real_questions_on_the_miniature_are_noticed_before_the_scores_and_whenever_they_are_shown(
    small_suite: Path, tmp_path: Path
) -> None:
    arguments = ("run", EXAMPLES / "real-science", "--suite", small_suite, "--out", tmp_path / "run")
    for _ in range(2):  # the second time nothing is computed
        done = e2lm(*arguments)
        assert done.returncode == 0, done.stderr
        noticed, scored = (done.stdout.index(text) for text in ("warning: no item names anything", "real-science: "))
        assert noticed < scored
        assert done.stdout.count("invented world") == 1
    assert "invented world" in (tmp_path / "run/detailed_results.html").read_text()


def test_invented_questions_are_not_noticed(small_run: Path) -> None:
    assert "other_world" not in (small_run / "results/results.json").read_text()
