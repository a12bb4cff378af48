"""The trained miniature suite and one undisturbed run on it, shared by all tests of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from e2lm.suites.fetch import fetch
from e2lm.suites.registry import SUITES
from tests.e2lm.command_line import PROJECT_ROOT, e2lm


@pytest.fixture(scope="session")
def miniature() -> Path:
    """The folder that holds the miniature suite's checkpoints; trains them once per machine."""
    return fetch("miniature")


@pytest.fixture(scope="session")
def clone(miniature: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that reads like a clone of the repository, with a build/ of its own."""
    folder = tmp_path_factory.mktemp("clone")
    for entry in PROJECT_ROOT.iterdir():
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
