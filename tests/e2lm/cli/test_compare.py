"""`e2lm compare`: runs over one suite side by side."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from tests.e2lm.command_line import e2lm
from tests.e2lm.terminal.first_cells import first_cells
from tests.scoring.tiny_results import SCORING, write_results

pytestmark = pytest.mark.slow


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two runs over the tiny suite, one of them with its scores turned around, and one over another suite."""
    (tmp_path / "scoring.yaml").write_text(yaml.safe_dump(SCORING))
    for name in ("rising", "falling", "other"):
        write_results(tmp_path / name / "results")
    path = tmp_path / "other/results/results.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"suite": "another"}))
    path = tmp_path / "falling/results/results.json"
    turned = json.loads(path.read_text()) | {"task": "<b>falling", "higher_is_better": False}
    turned["submission"]["sha256"] = "1" * 64
    path.write_text(json.dumps(turned))
    return tmp_path


def test_runs_are_printed_and_drawn_best_first_with_their_probability(runs: Path) -> None:
    page = runs / "out/comparison.html"
    done = e2lm("compare", "falling", "rising", "--suite", "suite.yaml", "--out", page, cwd=runs)
    assert done.returncode == 0, done.stderr
    assert done.stdout.index("rising") < done.stdout.index("falling")
    assert "1.000" in done.stdout
    html = page.read_text()
    assert "&lt;b&gt;falling" in html
    assert "<b>falling" not in html
    assert "Content-Security-Policy" in html


def test_a_run_equals_itself(runs: Path) -> None:
    done = e2lm("compare", "rising", "rising", "--suite", "suite.yaml", cwd=runs)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("0.500") >= 2


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_long_names_are_whole_in_any_terminal_and_every_interval_with_them(runs: Path, columns: int) -> None:
    names = {"rising": "questions-about-science-in-a-very-long-name-that-goes-on-and-on", "falling": "x" * 70}
    for run, name in names.items():
        path = runs / run / "results/results.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"task": name}))
    done = e2lm("compare", *names, "--suite", "suite.yaml", cwd=runs, COLUMNS=str(columns))
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= columns
    assert all(first_cells(done.stdout).count(name) == 2 for name in names.values())
    assert len(re.findall(r"\d\.\d\d to \d\.\d\d", done.stdout)) == 2 * len(("score", "sq", "rc", "cs"))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["rising"], "two or more"),
        (
            ["rising", "nowhere", "--suite", "suite.yaml"],
            "nowhere/results.json: missing; give a folder in which e2lm run",
        ),
        (["rising", "other", "--suite", "suite.yaml"], "other: a run over another, but rising is one over tiny"),
        (["nowhere", "rising"], "nowhere/results.json: missing; give a folder in which e2lm run has finished"),
        (["rising", "falling"], "no suite is named 'tiny'"),
    ],
)
def test_what_cannot_be_compared_is_one_line(runs: Path, arguments: list[str], expected: str) -> None:
    done = e2lm("compare", *arguments, cwd=runs)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert expected in done.stderr


def test_json_has_scores_and_probabilities_and_nothing_else(runs: Path) -> None:
    done = e2lm("compare", "falling", "rising", "--suite", "suite.yaml", "--out", "page.html", "--json", cwd=runs)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    best, worst = told["runs"]
    assert told["ranked_by"] == "score"
    assert best["scores"]["score"] > worst["scores"]["score"]
    assert best["probability_above"] == {worst["run"]: 1.0}
    assert set(best["intervals"]) == {"score", "sq", "rc", "cs"}
