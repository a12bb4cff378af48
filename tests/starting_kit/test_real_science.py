"""The example of real science: what its script writes, facts that are true, choices that give nothing away."""

from __future__ import annotations

import json
import runpy
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from e2lm.project import EXAMPLE_SUBMISSIONS
from e2lm.submissions.checks.known_world import other_world
from e2lm.suites.registry import SUITES
from e2lm_ingestion.checks import check_items, questions_in
from e2lm_ingestion.output_types.items import items_by_task
from e2lm_ingestion.submission.submission import open_submission
from e2lm_ingestion.suite import load_suite

SCRIPT = EXAMPLE_SUBMISSIONS / "real_science.py"
FOLDER = EXAMPLE_SUBMISSIONS / "real-science"


@pytest.fixture(scope="module")
def questions() -> list[dict[str, Any]]:
    files = (FOLDER / name for name in ("dev.jsonl", "test.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


def test_its_files_are_what_its_script_writes_without_a_package(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "mine")
    for name in ("dev.jsonl", "test.jsonl"):
        (tmp_path / "mine" / name).unlink()
    subprocess.run([sys.executable, "-I", "-S", SCRIPT, tmp_path / "mine"], check=True)
    for file in FOLDER.iterdir():
        assert (tmp_path / "mine" / file.name).read_text(encoding="utf-8") == file.read_text(encoding="utf-8")


def test_it_holds_every_fact_once_and_a_few_hundred(questions: list[dict[str, Any]]) -> None:
    facts = dict(fact for kind in runpy.run_path(str(SCRIPT))["facts"]() for fact in kind)
    assert {one["question"]: one["choices"][one["answer"]] for one in questions} == facts
    assert len(questions) == len(facts) > 300
    for one in questions:
        assert len(set(one["choices"])) == 4


def test_elements_are_those_of_the_periodic_table(questions: list[dict[str, Any]]) -> None:
    """Compared with a list in the order of atomic numbers."""
    table = "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr"
    right = {one["question"]: one["choices"][one["answer"]] for one in questions}
    named = {
        question.removeprefix("What is the chemical symbol of ").rstrip("?"): symbol
        for question, symbol in right.items()
        if "symbol" in question
    }
    numbered = {
        question.removeprefix("What is the atomic number of ").rstrip("?"): int(number)
        for question, number in right.items()
        if "atomic number" in question
    }
    assert [symbol for _, symbol in sorted((numbered[name], named[name]) for name in numbered)] == table.split()


def test_the_check_finds_nothing_but_that_the_miniature_does_not_know_it() -> None:
    with open_submission(FOLDER) as submission:
        tasks = items_by_task(submission)
        questions = questions_in(tasks)
        checked = check_items(submission, tasks, questions)
    assert [finding.kind for finding in checked.findings] == []
    assert max(checked.statistics["guessers"].values()) < 0.3
    (finding,) = other_world(questions, load_suite(SUITES["miniature"].suite))
    assert finding.message.startswith("no item names anything of the invented world")


def test_right_answers_are_at_every_position_about_equally_often(questions: list[dict[str, Any]]) -> None:
    positions = Counter(one["answer"] for one in questions)
    assert min(positions.values()) > 0.18 * len(questions)
