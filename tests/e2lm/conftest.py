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
def science_cloze_run(miniature: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an undisturbed `e2lm run` of the science-cloze example."""
    out = tmp_path_factory.mktemp("undisturbed")
    done = e2lm("run", EXAMPLES / "science-cloze", "--suite", "miniature", "--out", out)
    assert done.returncode == 0, done.stderr
    return out


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
