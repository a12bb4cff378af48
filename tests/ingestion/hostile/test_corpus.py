"""Every case of the hostile corpus is refused in one line or tolerated, in little time and memory, without traces."""

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
from queue import Queue
from subprocess import PIPE
from typing import cast

import pytest

from tests.ingestion.hostile import data, language, measure, names, templates, yaml_files, zips
from tests.ingestion.hostile.corpus import TOLERATED, Case

pytestmark = pytest.mark.slow
CASES = [*zips.CASES, *names.CASES, *yaml_files.CASES, *templates.CASES, *data.CASES, *language.CASES]
SECONDS = 5.0  # of processor time, children included: a busy machine does not fail a test
MEMORY = 1 << 30  # bytes resident, of the largest process
WHAT = {
    "test_the_corpus_is_refused_or_tolerated_as_stated": "read",
    "test_a_tolerated_submission_can_be_checked_and_printed": "check",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of a process."""

    code: int
    output: str
    error: str
    seconds: float  # of processor time
    memory: int  # bytes


def run(what: str, submission: Path, folder: Path, process: subprocess.Popen[str]) -> Outcome:
    """Run in an empty current folder and with an own temporary folder."""
    for name in ("current", "temporary"):
        (folder / name).mkdir()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps([what, str(submission), str(folder)]) + "\n")
    process.stdin.flush()
    code, seconds, memory = json.loads(process.stdout.readline())
    texts = [(folder / name).read_text(errors="replace") for name in ("output", "error")]
    return Outcome(code, texts[0], texts[1], seconds, memory)


def listing(folder: Path) -> set[tuple[str, int]]:
    """Everything in a folder with its size."""
    return {(str(path), path.lstat().st_size) for path in folder.rglob("*")}


@dataclass(frozen=True, slots=True)
class Judged:
    """Result of a process on a case, and the files before and after it."""

    outcome: Outcome
    given: set[tuple[str, int]]  # files of the submission
    given_after: set[tuple[str, int]]
    left: set[tuple[str, int]]  # files in the current and the temporary folder


def judged(case: Case, what: str, folder: Path, processes: Queue[subprocess.Popen[str]]) -> Judged:
    """Write a case and read or check it in a fork of an idle process."""
    (folder / "given").mkdir()
    submission = case.write(folder / "given")
    before = listing(folder / "given")
    process = processes.get()
    try:
        outcome = run(what, submission, folder, process)
    finally:
        processes.put(process)
    return Judged(
        outcome, before, listing(folder / "given"), listing(folder / "current") | listing(folder / "temporary")
    )


@pytest.fixture(scope="module")
def judging(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[Judged]]]:
    """Results of all selected cases by the test's name, computed by as many processes as there are cores."""
    started = [
        subprocess.Popen([sys.executable, "-B", measure.__file__], stdin=PIPE, stdout=PIPE, text=True)
        for _ in range(os.cpu_count() or 1)
    ]
    processes: Queue[subprocess.Popen[str]] = Queue()
    for process in started:
        processes.put(process)
    with ThreadPoolExecutor(len(started)) as pool:
        yield {
            item.name: pool.submit(
                judged,
                cast(Case, item.callspec.params["case"]),
                WHAT[item.originalname],
                tmp_path_factory.mktemp("case"),
                processes,
            )
            for item in request.session.items
            if isinstance(item, pytest.Function) and item.originalname in WHAT and item.path == request.path
        }
        pool.shutdown(cancel_futures=True)
    for process in started:
        process.communicate()


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
def test_a_tolerated_submission_can_be_checked_and_printed(
    case: Case, judging: dict[str, Future[Judged]], request: pytest.FixtureRequest
) -> None:
    outcome = judging[request.node.name].result().outcome
    assert (outcome.code, outcome.error) == (0, "")
    assert outcome.output.replace("\n", "").isprintable()
    assert outcome.seconds < SECONDS
    assert outcome.memory < MEMORY


def test_the_corpus_is_large_and_its_names_differ() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 60
