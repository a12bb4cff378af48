"""Every file of the hostile corpus is refused in one line or tolerated, soon, in little memory, and leaves nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from tests.ingestion.hostile import data, judge, language, measure, names, templates, yaml_files, zips
from tests.ingestion.hostile.corpus import TOLERATED, Case

CASES = [*zips.CASES, *names.CASES, *yaml_files.CASES, *templates.CASES, *data.CASES, *language.CASES]
SECONDS = 5.0  # of processor time, children included: a busy machine does not fail a test
MEMORY = 1 << 30  # bytes resident, of the largest process
WALL_SECONDS = 60
JUDGE, CHECK = (
    "test_the_corpus_is_refused_or_tolerated_as_stated",
    "test_what_is_tolerated_can_be_checked_and_printed",
)


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


@dataclass(frozen=True, slots=True)
class Judged:
    """What a process did with a case, and what it left."""

    outcome: Outcome
    given: set[tuple[str, int]]
    given_after: set[tuple[str, int]]
    left: set[tuple[str, int]]


def judged(case: Case, command: list[str], folder: Path) -> Judged:
    """Write a case and run the command on it."""
    (folder / "given").mkdir()
    submission = case.write(folder / "given")
    before = listing(folder / "given")
    outcome = run([sys.executable, *command, str(submission)], folder)
    return Judged(
        outcome, before, listing(folder / "given"), listing(folder / "current") | listing(folder / "temporary")
    )


@pytest.fixture(scope="module")
def judging(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[Judged]]]:
    """What becomes of each case that is tested here, by the test's name; as many processes as cores."""
    commands = {JUDGE: [judge.__file__], CHECK: ["-m", "e2lm", "check"]}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield {
            item.name: pool.submit(
                judged,
                cast(Case, item.callspec.params["case"]),
                commands[item.originalname],
                tmp_path_factory.mktemp("case"),
            )
            for item in request.session.items
            if isinstance(item, pytest.Function) and item.originalname in commands and item.path == request.path
        }
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_corpus_is_refused_or_tolerated_as_stated(
    case: Case, judging: dict[str, Future[Judged]], request: pytest.FixtureRequest
) -> None:
    result = judging[request.node.name].result()
    outcome = result.outcome
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
    assert result.given_after == result.given
    assert result.left == set()


@pytest.mark.parametrize("case", [case for case in CASES if case.message is TOLERATED], ids=lambda case: case.name)
def test_what_is_tolerated_can_be_checked_and_printed(
    case: Case, judging: dict[str, Future[Judged]], request: pytest.FixtureRequest
) -> None:
    outcome = judging[request.node.name].result().outcome
    assert (outcome.code, outcome.error) == (0, "")
    assert outcome.output.replace("\n", "").isprintable()
    assert outcome.seconds < SECONDS
    assert outcome.memory < MEMORY


def test_the_corpus_is_large_and_its_names_differ() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 60
