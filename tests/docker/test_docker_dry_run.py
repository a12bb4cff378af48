"""The whole competition in its image: the examples as participants would see them, and two attacks."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.e2lm.conftest import EXAMPLES, e2lm


@pytest.mark.parametrize(
    ("example", "eligible"), [("science-cloze", 1), ("web-trivia", 1), ("science-letters", 0), ("noise", 0)]
)
def test_an_example_ends_with_its_row_and_report(example: str, eligible: int, bundle: Path, tmp_path: Path) -> None:
    done = e2lm("dry-run", bundle, EXAMPLES / example, "--docker", "--out", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    *_, row, _, report = done.stdout.splitlines()
    assert row.split() == ["│", "eligible", "│", f"{eligible}.0000", "│"]
    assert report == f"report: {tmp_path / 'scoring/output/detailed_results.html'}"
    assert (tmp_path / "scoring/output/detailed_results.html").stat().st_size > 10_000


def test_a_submission_that_brings_a_program_fails_and_its_program_does_not_run(
    bundle: Path, science_cloze: Path, tmp_path: Path
) -> None:
    (science_cloze / "metadata.yaml").write_text("command: python3 /app/program/scoring.py")
    (science_cloze / "scoring.py").write_text("open('/app/output/results.json', 'w')")
    done = e2lm("dry-run", bundle, science_cloze, "--docker", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "a worker runs: it ended with exit code 2" in done.stdout
    assert (tmp_path / "out/submission.log").read_text().startswith("error: a submission is data, and no program")
    assert (tmp_path / "out/ingestion.log").read_text().startswith("error: metadata.yaml: Codabench would run it")
    assert "Failed: scoring exited with code 2: error: ingestion ended with exit code 2" in done.stderr
    assert list((tmp_path / "out/ingestion/output").iterdir()) == []


def test_a_submission_that_brings_results_fails_and_they_are_gone(
    bundle: Path, science_cloze: Path, science_cloze_run: Path, tmp_path: Path
) -> None:
    shutil.copytree(science_cloze_run / "results", science_cloze, dirs_exist_ok=True)
    done = e2lm("dry-run", bundle, science_cloze, "--docker", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "a submission holds data, not programs" in (tmp_path / "out/ingestion.log").read_text()
    assert "Failed: scoring exited with code 2: error: ingestion ended with exit code 2" in done.stderr
    assert list((tmp_path / "out/ingestion/output").iterdir()) == []
    assert not (tmp_path / "out/scoring/output/scores.json").exists()
