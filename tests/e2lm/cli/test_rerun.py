"""`e2lm rerun`: many submissions give what each alone gives, whatever is killed and whoever fails."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from benchmarks.rerun import actors_of, files, finished, make_submissions, start
from e2lm.suites.registry import SUITES
from tests.e2lm.command_line import e2lm
from tests.e2lm.run_folders import result_files, timeless_scores

MODELS = ("mini-150k-arch1", "mini-150k-arch2")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Every process computes with one thread: on a CPU another number adds up in another order."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield


@pytest.fixture(scope="module")
def suite(miniature: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models of the miniature suite, eight checkpoints each."""
    path = tmp_path_factory.mktemp("suite") / "suite.yaml"
    iterations = {"start": 4000, "stop": 32000, "step": 4000}
    whole = yaml.safe_load(SUITES["miniature"].suite.read_text())
    models = [{**model, "iterations": iterations} for model in whole["models"] if model["id"] in MODELS]
    path.write_text(yaml.safe_dump({**whole, "models": models}))
    scoring = {"suite": "miniature", "suite_version": 1, "early": {"iterations": iterations}}
    path.with_name("scoring.yaml").write_text(yaml.safe_dump({**scoring, "signal_models": [MODELS[0]]}))
    return path


@pytest.fixture(scope="module")
def submissions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three submissions."""
    folder = tmp_path_factory.mktemp("rerun") / "submissions"
    make_submissions(folder, 3)
    return folder


@pytest.fixture(scope="module")
def undisturbed(submissions: Path, suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The outcome of one process that nothing happens to."""
    out = tmp_path_factory.mktemp("undisturbed-rerun")
    done = e2lm("rerun", submissions, "--suite", suite, "--out", out)
    assert done.returncode == 0, done.stderr
    return out


def wait_for_more(out: Path, count: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until `count` more checkpoints are finished."""
    aim = finished(out) + count
    while finished(out) < aim:
        assert process.poll() is None, "the rerun ended too early"
        time.sleep(0.005)


def test_a_submission_among_many_gets_what_it_gets_alone(
    undisturbed: Path, submissions: Path, suite: Path, tmp_path: Path
) -> None:
    name = sorted(path.name for path in submissions.iterdir())[1]
    done = e2lm("run", submissions / name, "--suite", suite, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert result_files(tmp_path) == result_files(undisturbed / name)
    assert timeless_scores(tmp_path) == timeless_scores(undisturbed / name)


def test_actors_and_driver_are_killed_and_nothing_is_lost_or_computed_twice(
    ray: None, undisturbed: Path, submissions: Path, suite: Path, tmp_path: Path
) -> None:
    rng = random.Random(0)
    command = ["rerun", str(submissions), "--suite", str(suite), "--out", str(tmp_path), "--ray", "local"]
    process = start([*command, "--workers", "2"])
    wait_for_more(tmp_path, rng.randint(1, 6), process)
    os.kill(rng.choice(actors_of(process.pid)), signal.SIGKILL)
    wait_for_more(tmp_path, rng.randint(1, 6), process)
    process.kill()
    process.wait()
    process = start([*command, "--workers", "2"])
    assert process.wait() == 0
    assert files(tmp_path) == files(undisturbed)
    assert finished(tmp_path) == finished(undisturbed), "a checkpoint was computed twice"


def test_a_failure_is_named_and_stops_no_other(submissions: Path, suite: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.zip").write_bytes(b"this is no zip")
    good = sorted(submissions.iterdir())[0]
    long = shutil.copytree(good, tmp_path / "long")
    item = {"question": "word " * 5000, "choices": ["a", "b", "c", "d"], "answer": 0}
    with (long / "test.jsonl").open("a") as file:
        file.write(json.dumps(item) + "\n")
    out = tmp_path / "out"
    done = e2lm("rerun", tmp_path / "bad.zip", long, good, "--suite", suite, "--out", out)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "failed: bad: " in done.stdout
    rows = {row["name"]: row for row in json.loads((out / "rerun.json").read_text())["submissions"]}
    assert rows["bad"]["status"] == "failed"
    assert rows[good.name]["status"] == "done"
    assert (out / good.name / "scores.json").is_file()
    assert (out / "bad/detailed_results.html").is_file()


def test_what_is_finished_is_compared_with_earlier_runs_without_being_asked_again(
    undisturbed: Path, submissions: Path, suite: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(undisturbed, tmp_path / "out")
    done = e2lm("rerun", submissions, "--suite", suite, "--out", out, "--development", undisturbed)
    assert done.returncode == 0, done.stderr
    assert "drift: 0 of 48 checkpoints differ by more than rounding explains" in done.stdout
    score = json.loads((out / "science-cloze-02/scores.json").read_text())["sq"]
    assert re.search(rf"{score:.4f}\W+{score:.4f}\W+0 of 16", done.stdout)
    assert finished(out) == finished(undisturbed)


def test_a_finished_outcome_survives_a_rerun_with_another_dtype(
    undisturbed: Path, submissions: Path, suite: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(undisturbed, tmp_path / "out")
    done = e2lm("rerun", submissions, "--suite", suite, "--out", out, "--dtype", "bfloat16")
    assert done.returncode == 1, done.stderr
    assert "holds results with another engine" in done.stdout
    assert {name: content for name, content in files(out).items() if name != "rerun.json"} == {
        name: content for name, content in files(undisturbed).items() if name != "rerun.json"
    }


@pytest.mark.parametrize("options", [(), ("--workers", "2"), ("--ray", "local")], ids=" ".join)
def test_a_finished_rerun_is_scored_again_and_needs_no_checkpoint(
    undisturbed: Path, submissions: Path, suite: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    out = shutil.copytree(undisturbed, tmp_path / "out")
    none = str(tmp_path / "none")
    done = e2lm("rerun", submissions, "--suite", suite, "--out", out, *options, E2LM_CHECKPOINTS=none)
    assert done.returncode == 0, done.stderr
    assert "3 of 3 submissions are finished on every checkpoint of miniature already" in done.stdout
    assert "3 of 3 submissions are done" in done.stdout
    assert files(out) == files(undisturbed)
    assert finished(out) == finished(undisturbed)
