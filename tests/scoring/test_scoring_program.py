"""The scoring program as the worker runs it: finite numbers, or exit code 2, one line, and no scores."""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import runpy
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.scoring.tiny_results import KEY, seal_results

PROGRAM = Path(__file__).resolve().parents[2] / "scoring_program/scoring.py"


def arguments(worker: Path) -> list[str]:
    folders = [worker / "input/res", worker / "input/ref", worker / "output"]
    more = ["--data", worker / "data", "--submission", worker / "ingested_program"]
    return [str(PROGRAM), *map(str, [*folders, *more])]


def run_scoring(worker: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments(worker)],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"]},
    )


def run_here(worker: Path) -> tuple[int, str]:
    """The same without a separate process, which takes a second: exit code and stderr."""
    printed = io.StringIO()
    with contextlib.redirect_stderr(printed), pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", arguments(worker))
        code: int = runpy.run_path(str(PROGRAM), run_name="scoring")["main"]()
    return code, printed.getvalue()


@pytest.mark.slow
def test_a_rising_task_is_scored(worker: Path) -> None:
    done = run_scoring(worker)
    assert done.returncode == 0, done.stderr
    scores = json.loads((worker / "output/scores.json").read_text())
    assert all(isinstance(value, float) and math.isfinite(value) for value in scores.values())
    assert scores["monotonicity"] == 1.0
    assert scores["rc"] == 1.0
    assert scores["cs"] > 0.2
    assert scores["eligible"] == 1.0
    assert scores["items"] == 200
    assert scores["minutes"] == pytest.approx(3 * 12 * 2.5 / 60)
    assert scores["score"] == pytest.approx(0.5 * scores["sq"] + 0.1 * scores["rc"] + 0.4 * scores["cs"])
    assert "rising" in (worker / "output/detailed_results.html").read_text()
    assert pq.read_table(worker / "output/items.parquet").num_rows == 200


def edit_results(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def harm(worker: Path) -> None:
        path = worker / "input/res/results.json"
        results = json.loads(path.read_text())
        change(results)
        path.write_text(json.dumps(results))

    return harm


def truncate_arrays(worker: Path) -> None:
    path = worker / "input/res/checkpoints/small-b/4.npz"
    path.write_bytes(path.read_bytes()[:-30])


def forge_arrays_and_digest(worker: Path) -> None:
    truncate_arrays(worker)
    import hashlib

    digest = hashlib.sha256((worker / "input/res/checkpoints/small-b/4.npz").read_bytes()).hexdigest()
    edit_results(lambda results: row_of(results, "small-b", 4).update(sha256=digest))(worker)


def row_of(results: dict[str, Any], model: str, iteration: int) -> dict[str, Any]:
    found: dict[str, Any] = next(
        row for row in results["checkpoints"] if (row["model"], row["iteration"]) == (model, iteration)
    )
    return found


def spoil_scoring_yaml(worker: Path) -> None:
    path = worker / "input/ref/scoring.yaml"
    path.write_text(path.read_text().replace("signal_models", "signal_model"))


HARMS: dict[str, tuple[Callable[[Path], object], str]] = {
    "ingestion failed": (
        lambda worker: (worker / "input/res/metadata").write_text("ingestionExitCode: 1\n"), "ingestion did not succeed"
    ),
    "no word of the worker": (lambda worker: (worker / "input/res/metadata").unlink(), "metadata: missing"),
    "an exit code that only equals zero": (
        lambda worker: (worker / "input/res/metadata").write_text("ingestionExitCode: false\n"),
        "ingestion did not succeed",
    ),
    "no exit code": (lambda worker: (worker / "input/res/metadata").write_text("- odd\n"), "ingestionExitCode"),
    "no results": (lambda worker: (worker / "input/res/results.json").unlink(), "results.json: no such file"),
    "a journal without timings": (
        lambda worker: (worker / "input/res/progress.jsonl").write_text("{}\n"), "how long each checkpoint took"
    ),
    "a journal of something else": (
        lambda worker: (worker / "input/res/progress.jsonl").write_text("{}\n[]\n"), "not the journal of a sweep"
    ),
    "not json": (lambda worker: (worker / "input/res/results.json").write_text("{"), "results.json"),
    "another schema": (edit_results(lambda r: r.update(schema="x")), "schema 'x'"),
    "another suite": (edit_results(lambda r: r.update(suite="other")), "suite other"),
    "another version": (edit_results(lambda r: r.update(suite_version=1)), "version 1"),
    "a missing checkpoint": (
        edit_results(lambda r: r["checkpoints"].remove(row_of(r, "small-b", 12))), "small-b at iteration 12"
    ),
    "a checkpoint twice": (edit_results(lambda r: r["checkpoints"].append(r["checkpoints"][0])), "twice"),
    "another score": (edit_results(lambda r: row_of(r, "small-a", 3).update(score=0.9)), "0.900000"),
    "a score that is not finite": (edit_results(lambda r: row_of(r, "small-a", 3).update(score=float("nan"))), "score"),
    "arrays elsewhere": (edit_results(lambda r: row_of(r, "small-a", 3).update(arrays="../../x.npz")), "outside"),
    "other item counts": (edit_results(lambda r: r["submission"].update(items=199)), "199 items"),
    "truncated arrays": (truncate_arrays, "digest differs"),
    "truncated arrays with their digest": (forge_arrays_and_digest, "4.npz: holds no readable item_scores"),
    "missing arrays": (lambda worker: (worker / "input/res/checkpoints/small-a/1.npz").unlink(), "1.npz: missing"),
    "a key misspelled in scoring.yaml": (spoil_scoring_yaml, "signal_model"),
    "no scoring.yaml": (lambda worker: (worker / "input/ref/scoring.yaml").unlink(), "scoring.yaml"),
}  # fmt: skip


@pytest.mark.parametrize("harm", HARMS)
def test_what_cannot_be_scored_fails_in_one_line_without_scores(worker: Path, harm: str) -> None:
    """Whoever has the key may still leave results that are damaged."""
    spoil, expected = HARMS[harm]
    spoil(worker)
    if (worker / "input/res/results.json").exists():
        seal_results(worker / "input/res")
    assert_failed(worker, expected)


def assert_failed(worker: Path, expected: str) -> None:
    code, printed = run_here(worker)
    assert code == 2, printed
    assert len(printed.splitlines()) == 1, printed
    assert printed.startswith("error: ")
    assert expected in printed
    assert [path.name for path in (worker / "output").iterdir()] == ["detailed_results.html"]
    page = (worker / "output/detailed_results.html").read_text()
    assert "This run could not be scored" in page
    assert expected.replace("'", "&#39;") in page


def forge_scores(worker: Path) -> None:
    edit_results(lambda results: [row.update(score=1.0) for row in results["checkpoints"]])(worker)


def swap_arrays(worker: Path) -> None:
    first, second = (worker / f"input/res/checkpoints/small-a/{number}.npz" for number in (3, 4))
    first.write_bytes(second.read_bytes())


def link_results(worker: Path) -> None:
    path = worker / "input/res/results.json"
    path.rename(worker / "elsewhere.json")
    path.symlink_to(worker / "elsewhere.json")


def plant_metadata(worker: Path) -> None:
    """The submission's files over the worker's own, after an ingestion that failed and left nothing."""
    (worker / "input/res/seal.json").unlink()
    (worker / "input/res/metadata").write_text("exitCode: 0\ningestionExitCode: 0\n")


def show_submission(worker: Path, **files: str) -> None:
    (worker / "ingested_program").mkdir()
    for name, text in files.items():
        (worker / "ingested_program" / name.replace("_", ".")).write_text(text)


def give_the_worker_a_key(worker: Path, key: str = "f" * 64) -> None:
    (worker / "data").mkdir()
    (worker / "data/e2lm.key").write_text(key)


ATTACKS: dict[str, tuple[Callable[[Path], object], str]] = {
    "results without a seal": (lambda worker: (worker / "input/res/seal.json").unlink(), "seal.json: no such file"),
    "a seal that is none": (lambda worker: (worker / "input/res/seal.json").write_text("[]"), "seal.json: not a seal"),
    "a seal of another schema": (
        lambda worker: (worker / "input/res/seal.json").write_text('{"schema": "mine"}'), "schema 'mine'"
    ),
    "forged scores beside a seal": (forge_scores, "the seal does not match"),
    "forged timings": (lambda worker: (worker / "input/res/progress.jsonl").write_text("{}\n"), "does not match"),
    "other arrays": (swap_arrays, "3.npz: not the file that ingestion wrote"),
    "forged metadata after a failed ingestion": (plant_metadata, "seal.json: no such file"),
    "results behind a link": (link_results, "results.json: a link"),
    "a seal of another key": (lambda worker: seal_results(worker / "input/res", "x" * 64), "sealed with another key"),
    "the bundle's key where the worker has its own": (give_the_worker_a_key, "sealed with another key"),
    "sealed results of another submission": (
        lambda worker: show_submission(worker, task_yaml="task: other"), "results of another submission than this one"
    ),
    "a submission that is a program": (
        lambda worker: show_submission(worker, metadata="command: x"), "a submission holds no program"
    ),
    "no key": (lambda worker: (worker / "input/ref/e2lm.key").unlink(), "no e2lm.key in"),
    "a key that can be guessed": (lambda worker: give_the_worker_a_key(worker, "secret"), "a key of 6 characters"),
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_results_that_ingestion_did_not_write_are_not_scored(worker: Path, attack: str) -> None:
    attempt, expected = ATTACKS[attack]
    attempt(worker)
    assert_failed(worker, expected)


def test_the_workers_own_key_is_preferred(worker: Path) -> None:
    give_the_worker_a_key(worker)
    seal_results(worker / "input/res", "f" * 64)
    (worker / "input/ref/e2lm.key").write_text(KEY)
    assert run_here(worker) == (0, "")


@pytest.mark.slow
def test_scores_of_an_earlier_run_do_not_outlive_a_failure(worker: Path) -> None:
    assert run_here(worker) == (0, "")
    (worker / "input/res/results.json").unlink()
    done = run_scoring(worker)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in (worker / "output").iterdir()] == ["detailed_results.html"]


def test_the_program_runs_where_only_its_own_folder_is(worker: Path) -> None:
    alone = shutil.copytree(PROGRAM.parent, worker / "program", ignore=shutil.ignore_patterns("__pycache__"))
    folders = [str(worker / name) for name in ("input/res", "input/ref", "output")]
    # only the packages of the environment: the project itself is installed there as a link, which -S leaves out
    packages = sysconfig.get_paths()["purelib"]
    command = f"import sys, runpy; sys.path[:0] = [{str(alone)!r}]; sys.path.append({packages!r})"
    command += (
        f"; sys.argv = ['scoring.py', *{folders!r}]; runpy.run_path({str(alone / 'scoring.py')!r}, run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", command], capture_output=True, text=True, check=False, cwd=worker
    )
    assert done.returncode == 0, done.stderr
    assert (worker / "output/scores.json").is_file()
