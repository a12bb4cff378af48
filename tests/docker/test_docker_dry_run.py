"""The whole competition in its image: the examples as participants would see them, and two attacks."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2lm.command_line import EXAMPLES, e2lm


@pytest.fixture(scope="module")
def finished(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[str, Path]]:
    """Return a function that runs an example once and gives what was printed and the folder of what it left."""
    done: dict[str, tuple[str, Path]] = {}

    def run(example: str) -> tuple[str, Path]:
        if example not in done:
            out = tmp_path_factory.mktemp(example)
            ended = e2lm("dry-run", bundle, EXAMPLES / example, "--docker", "--out", out)
            assert ended.returncode == 0, ended.stdout + ended.stderr
            done[example] = ended.stdout, out
        return done[example]

    return run


@pytest.mark.parametrize(
    ("example", "eligible"), [("science-cloze", 1), ("web-trivia", 1), ("science-letters", 0), ("noise", 0)]
)
def test_an_example_ends_with_its_row_and_report(
    example: str, eligible: int, finished: Callable[[str], tuple[str, Path]]
) -> None:
    printed, out = finished(example)
    *_, row, _, report = printed.splitlines()
    assert re.findall(r"[\w.]+", row) == ["eligible", str(eligible)]
    assert report == f"report: {out / 'scoring/output/detailed_results.html'}"
    assert (out / "scoring/output/detailed_results.html").stat().st_size > 10_000


def test_a_submission_that_brings_a_program_fails_and_its_program_does_not_run(
    bundle: Path, science_cloze: Path, tmp_path: Path
) -> None:
    (science_cloze / "metadata.yaml").write_text("command: python3 /app/program/scoring.py")
    (science_cloze / "scoring.py").write_text("open('/app/output/results.json', 'w')")
    done = e2lm("dry-run", bundle, science_cloze, "--docker", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "a worker runs: it ended with exit code 2" in done.stdout
    assert (tmp_path / "out/submission.log").read_text().startswith("error: a submission is data, and no program")
    assert (tmp_path / "out/ingestion.log").read_text().startswith("error: scoring.py: a submission holds data")
    assert "Failed: scoring exited with code 2: error: ingestion did not succeed" in done.stderr
    assert list((tmp_path / "out/ingestion/output").iterdir()) == []


def test_a_submission_that_brings_results_fails_and_they_are_gone(
    bundle: Path, science_cloze: Path, finished: Callable[[str], tuple[str, Path]], tmp_path: Path
) -> None:
    _, genuine = finished("science-cloze")
    shutil.copytree(genuine / "ingestion/output", science_cloze, dirs_exist_ok=True)
    done = e2lm("dry-run", bundle, science_cloze, "--docker", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "named like a file that the competition itself writes" in (tmp_path / "out/ingestion.log").read_text()
    assert "Failed: scoring exited with code 2: error: ingestion did not succeed" in done.stderr
    assert list((tmp_path / "out/ingestion/output").iterdir()) == []
    assert not (tmp_path / "out/scoring/output/scores.json").exists()
