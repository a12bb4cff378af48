"""`e2lm rescore` gives the scores of a run with another metric, without a model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from e2lm_ingestion.output_types.items import build_items
from e2lm_ingestion.submission.submission import open_submission
from tests.e2lm.command_line import EXAMPLES, e2lm
from tests.e2lm.run_folders import timeless_scores


def results_of(run: Path) -> dict[str, Any]:
    results: dict[str, Any] = json.loads((run / "results/results.json").read_text())
    return results


def rescored(run: Path, suite: Path, out: Path, *arguments: str) -> dict[str, Any]:
    done = e2lm("rescore", run, "--suite", suite, "--out", out, *arguments)
    assert done.returncode == 0, done.stderr
    assert f"report: {out / 'detailed_results.html'}" in done.stdout
    return results_of(out)


def test_the_run_s_own_metric_gives_the_run_again(small_run: Path, small_suite: Path, tmp_path: Path) -> None:
    assert rescored(small_run, small_suite, tmp_path / "again", "--metric", "acc") == results_of(small_run)
    assert json.loads((tmp_path / "again/scores.json").read_text()) == timeless_scores(small_run)


def test_another_metric_is_computed_from_what_was_kept(small_run: Path, small_suite: Path, tmp_path: Path) -> None:
    results = rescored(small_run, small_suite, tmp_path / "norm", "--metric", "acc_norm")
    expression = "sum(pick(ll / chars)[gold])"
    mine = rescored(small_run, small_suite, tmp_path / "mine", "--metric", "mine", "--expression", expression)
    with open_submission(EXAMPLES / "science-cloze") as submission:
        items = build_items(submission)
    for old, row, own in zip(
        results_of(small_run)["checkpoints"], results["checkpoints"], mine["checkpoints"], strict=True
    ):
        with np.load(small_run / "results" / old["arrays"]) as arrays:
            values = np.split(arrays["loglikelihoods"], np.cumsum([len(item.choices) for item in items])[:-1])
        best = [int(np.argmax(ll / [len(c) for c in item.choices])) for ll, item in zip(values, items, strict=True)]
        right = np.mean([chosen in item.gold for chosen, item in zip(best, items, strict=True)])
        assert row["score"] == pytest.approx(right, abs=1e-9)
        assert own["score"] == row["score"]
    assert (results["metric"], results["chance"]) == ("acc_norm", 0.25)
    assert (mine["metric"], mine["chance"]) == ("mine", None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--metric", "acc_nrm"], "multiple_choice has no metric acc_nrm; did you mean acc_norm?"),
        (["--metric", "mine", "--expression", "ll"], "column 1 of 'll': it gives a number for each choice"),
        (["--metric", "f1"], "f1 is of two choices, the second of which is sought; some items have more"),
        (["--metric", "acc_mutual_info"], "there is no ll_unconditional here: name it in a metric of metric_list"),
        (["--metric", "../x", "--expression", "ll[gold]"], "--metric ../x: a metric's name has letters, digits"),
        (["--metric", "acc_norm", "--filter", "words"], "--filter words: this task compares given answers"),
        (["--metric", "perplexity"], "multiple_choice has no metric perplexity"),
    ],
)
def test_a_metric_that_cannot_be_computed_is_refused(
    small_run: Path, small_suite: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    done = e2lm("rescore", small_run, "--suite", small_suite, "--out", tmp_path / "out", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


def test_a_changed_file_is_not_rescored(small_run: Path, small_suite: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(small_run, run)
    (run / "results" / results_of(run)["checkpoints"][3]["arrays"]).write_bytes(b"x")
    done = e2lm("rescore", run, "--suite", small_suite, "--metric", "acc_norm", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "not the file that ingestion wrote" in done.stderr


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    done = e2lm("rescore", tmp_path, "--metric", "acc", "--out", tmp_path / "out")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "results.json: missing; give a folder in which e2lm run has finished" in done.stderr


def test_the_suite_of_a_run_on_a_suite_of_one_s_own_is_found(
    small_run: Path, small_suite: Path, tmp_path: Path
) -> None:
    assert (small_run / "scoring.yaml").read_bytes() == small_suite.with_name("scoring.yaml").read_bytes()
    done = e2lm("rescore", small_run, "--out", tmp_path / "norm", "--metric", "acc_norm")
    assert done.returncode == 0, done.stderr
    given = rescored(small_run, small_suite, tmp_path / "given", "--metric", "acc_norm")
    assert results_of(tmp_path / "norm") == given
    norm, own = (json.loads((tmp_path / name / "scores.json").read_text()) for name in ("norm", "given"))
    assert norm == own
