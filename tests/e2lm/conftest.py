"""The trained miniature suite and one undisturbed run on it, shared by all tests of the command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from e2lm.catalog import SUITES
from e2lm.suite import fetch

HOUSE = Path(__file__).resolve().parents[2]
EXAMPLES = HOUSE / "starting_kit/examples"


def e2lm(
    *arguments: str | Path | float, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "e2lm", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=_users_environment(environment),
        timeout=600,
        check=False,
    )


def start_e2lm(*arguments: str | Path | float, **environment: str) -> subprocess.Popen[bytes]:
    """Start the command line in the background; what it says is not kept."""
    return subprocess.Popen(
        [sys.executable, "-m", "e2lm", *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=_users_environment(environment),
    )


def _users_environment(changes: Mapping[str, str]) -> dict[str, str]:
    """This one, without what programs that are imported by tests set in it."""
    return {**{name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}, **changes}


@pytest.fixture(scope="session")
def miniature() -> Path:
    """The folder that holds the miniature suite's checkpoints; trains them once per machine."""
    return fetch("miniature")


@pytest.fixture(scope="session")
def clone(miniature: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that reads like a clone of the repository, with a build/ of its own."""
    folder = tmp_path_factory.mktemp("clone")
    for entry in HOUSE.iterdir():
        if entry.name not in (".git", ".venv", "build"):
            (folder / entry.name).symlink_to(entry)
    return folder


@pytest.fixture(scope="session")
def demo(clone: Path) -> Path:
    """The folder of an undisturbed `e2lm demo`."""
    done = e2lm("demo", cwd=clone)
    assert done.returncode == 0, done.stderr
    assert "science-cloze" in done.stdout
    return clone / "build/demo"


@pytest.fixture(scope="session")
def science_cloze_run(clone: Path) -> Path:
    """The folder of an undisturbed `e2lm run` of the science-cloze example."""
    done = e2lm("run", "starting_kit/examples/science-cloze", "--out", "build/run", cwd=clone)
    assert done.returncode == 0, done.stderr
    return clone / "build/run"


def write_small_suite(folder: Path) -> Path:
    """Three models of the miniature suite, nine checkpoints each: the least that gives every column of the board."""
    whole, scoring = (
        yaml.safe_load(file.read_text()) for file in (SUITES["miniature"].suite, SUITES["miniature"].scoring)
    )
    early, late = {"start": 4000, "stop": 32000, "step": 4000}, 244000
    models = [{**model, "iterations": [early, late]} for model in whole["models"] if "150k" in model["id"]]
    scoring |= {"early": {"iterations": early}, "late": {"iterations": [late]}}
    scoring |= {"signal_models": ["mini-150k-arch1"], "ranking_groups": [["mini-150k-arch1", "mini-150k-arch2"]]}
    scoring["reveal"] = (
        "participant"  # the site need not draw reports anew, by the scoring.yaml that the name stands for
    )
    folder.mkdir()
    (folder / "suite.yaml").write_text(yaml.safe_dump({**whole, "models": models}))
    (folder / "scoring.yaml").write_text(yaml.safe_dump(scoring))
    return folder / "suite.yaml"


def make_open_questions(folder: Path) -> Path:
    """The questions of science-cloze, with answers that the model writes itself."""
    shutil.copytree(EXAMPLES / "science-cloze", folder)
    task = yaml.safe_load((folder / "task.yaml").read_text())
    del task["doc_to_choice"]
    task |= {
        "task": "open-questions",
        "output_type": "generate_until",
        "doc_to_target": "{{choices[answer]}}",
        "generation_kwargs": {"until": ["\n"], "max_gen_toks": 12},
        "filter_list": [{"name": "words", "filter": [{"function": "remove_whitespace"}, {"function": "take_first"}]}],
        "metric_list": [{"metric": "exact_match", "ignore_case": True}],
    }
    (folder / "task.yaml").write_text(yaml.safe_dump(task))
    return folder


def result_files(run: Path) -> dict[str, bytes]:
    """Every result file but the journal, which holds timings."""
    files = [path for path in (run / "results").rglob("*") if path.is_file() and path.name != "progress.jsonl"]
    return {str(path.relative_to(run)): path.read_bytes() for path in files}


def timeless_scores(run: Path) -> dict[str, float]:
    """scores.json without its one column that differs between runs that agree."""
    scores: dict[str, float] = json.loads((run / "scores.json").read_text())
    assert scores.pop("minutes") > 0
    return scores
