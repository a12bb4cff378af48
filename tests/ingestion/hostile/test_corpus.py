"""Every file of the hostile corpus is refused in one line or tolerated, soon, in little memory, and leaves nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.ingestion.hostile import data, judge, language, measure, names, templates, yaml_files, zips
from tests.ingestion.hostile.corpus import TOLERATED, Case

CASES = [*zips.CASES, *names.CASES, *yaml_files.CASES, *templates.CASES, *data.CASES, *language.CASES]
SECONDS = 5.0  # of processor time, children included: a busy machine does not fail a test
MEMORY = 1 << 30  # bytes resident, of the largest process
WALL_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a process did."""

    code: int
    output: str
    error: str
    seconds: float  # of processor time
    memory: int  # bytes


def run(command: list[str], folder: Path) -> Outcome:
    """Run in an empty current folder, with a temporary folder of its own."""
    for name in ("current", "temporary"):
        (folder / name).mkdir()
    environment = {**os.environ, "TMPDIR": str(folder / "temporary"), "PYTHONDONTWRITEBYTECODE": "1"}
    report = folder / "report.json"
    with (folder / "output").open("wb") as output, (folder / "error").open("wb") as error:
        subprocess.run(
            [sys.executable, "-I", "-S", measure.__file__, str(report), *command],
            stdout=output,
            stderr=error,
            stdin=subprocess.DEVNULL,
            cwd=folder / "current",
            env=environment,
            timeout=WALL_SECONDS,
            check=True,
        )
    texts = [(folder / name).read_text(errors="replace") for name in ("output", "error")]
    code, seconds, memory = json.loads(report.read_text())
    return Outcome(code, texts[0], texts[1], seconds, memory)


def listing(folder: Path) -> set[tuple[str, int]]:
    """Everything in a folder with its size."""
    return {(str(path), path.lstat().st_size) for path in folder.rglob("*")}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_corpus_is_refused_or_tolerated_as_stated(case: Case, tmp_path: Path) -> None:
    (tmp_path / "given").mkdir()
    submission = case.write(tmp_path / "given")
    before = listing(tmp_path / "given")
    outcome = run([sys.executable, judge.__file__, str(submission)], tmp_path)
    if case.message is TOLERATED:
        assert (outcome.code, outcome.output, outcome.error) == (0, "", "")
    else:
        assert outcome.code == 2, outcome.error[-2000:]
        assert outcome.error.startswith("error: ")
        assert outcome.error.endswith("\n")
        assert outcome.error[:-1].isprintable()
        assert re.search(case.message, outcome.error), outcome.error
        assert len(outcome.error) < 1000
    assert outcome.seconds < SECONDS
    assert outcome.memory < MEMORY
    assert listing(tmp_path / "given") == before
    assert listing(tmp_path / "current") | listing(tmp_path / "temporary") == set()


@pytest.mark.parametrize("case", [case for case in CASES if case.message is TOLERATED], ids=lambda case: case.name)
def test_what_is_tolerated_can_be_checked_and_printed(case: Case, tmp_path: Path) -> None:
    (tmp_path / "given").mkdir()
    outcome = run([sys.executable, "-m", "e2lm", "check", str(case.write(tmp_path / "given"))], tmp_path)
    assert (outcome.code, outcome.error) == (0, "")
    assert outcome.output.replace("\n", "").isprintable()
    assert outcome.seconds < SECONDS
    assert outcome.memory < MEMORY


def test_the_corpus_is_large_and_its_names_differ() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 60
