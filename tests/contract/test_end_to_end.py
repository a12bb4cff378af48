"""From a packed submission to a leaderboard row: bundle, pack and dry run with the real programs and checkpoints."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from e2lm.suites.registry import SUITES
from e2lm_scoring.columns import columns_of
from e2lm_scoring.inputs.configuration import load_configuration
from tests.contract.results_schema import assert_fits_the_schema
from tests.e2lm.command_line import EXAMPLES, e2lm
from tests.e2lm.small_suite import write_small_suite


@pytest.fixture(scope="module")
def bundle(miniature: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    path = folder / "bundle.zip"
    done = e2lm("bundle", "-o", path, "--suite", write_small_suite(folder / "suite"))
    assert done.returncode == 0, done.stderr
    return path


def test_a_packed_example_ends_with_a_row_of_the_leaderboard(bundle: Path, tmp_path: Path) -> None:
    assert e2lm("pack", EXAMPLES / "web-trivia", "-o", tmp_path / "submission.zip").returncode == 0
    done = e2lm("dry-run", bundle, tmp_path / "submission.zip", "--out", tmp_path / "worker")
    assert done.returncode == 0, done.stdout + done.stderr
    assert_fits_the_schema(tmp_path / "worker/ingestion/output/results.json")
    (scores,) = (tmp_path / "worker").rglob("scores.json")
    columns = json.loads(scores.read_text())
    allowed = columns_of(load_configuration(SUITES["miniature"].scoring))
    assert list(columns) == [column.key for column in allowed if column.key in columns], "in the order of the table"
    lacking = {column.key for column in allowed if column.key not in columns}
    of_organizers = {"late_retention", "prediction_error"}
    of_other_tasks = {"sq_1000", "unguessed_z", "subsets_without_contrast"}  # of 1,000 items; of guessers; of a group
    assert lacking <= {"tokens_to_decide", *of_other_tasks, *of_organizers}, "a task of choices fills every other"
    assert f"{columns['score']:.4f}" in done.stdout
    assert re.search(r"27 of 27 checkpoints are done, after \d+ min", done.stdout)
    assert "iteration" not in done.stdout, "participants would read about single checkpoints"


def test_a_forged_result_ends_as_failed_with_the_reason(bundle: Path, tmp_path: Path) -> None:
    submission = Path(shutil.copytree(EXAMPLES / "noise", tmp_path / "forged"))
    (submission / "results.json").write_text('{"schema": "e2lm-results/1"}')
    done = e2lm("dry-run", bundle, submission, "--out", tmp_path / "worker")
    assert done.returncode == 2
    assert "error: results.json: named like a file that the competition itself writes" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert not list((tmp_path / "worker").rglob("scores.json"))
