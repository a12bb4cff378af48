"""Undisturbed runs on the miniature suite and on a small one, shared by all tests of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2lm.command_line import EXAMPLES, PROJECT_ROOT, e2lm
from tests.e2lm.small_suite import write_small_suite


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
    done = e2lm("demo", cwd=clone, fresh=True)
    assert done.returncode == 0, done.stderr
    assert "science-cloze" in done.stdout
    return clone / "build/demo"


@pytest.fixture(scope="session")
def science_cloze_run(clone: Path) -> Path:
    """The folder of an undisturbed `e2lm run` of the science-cloze example."""
    done = e2lm("run", "starting_kit/examples/science-cloze", "--out", "build/run", cwd=clone, fresh=True)
    assert done.returncode == 0, done.stderr
    return clone / "build/run"


@pytest.fixture(scope="session")
def small_suite(miniature: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The suite.yaml of the small suite, whose checkpoints are there."""
    return write_small_suite(tmp_path_factory.mktemp("small-suite") / "suite")


@pytest.fixture(scope="session")
def small_run(small_suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an undisturbed `e2lm run` of the science-cloze example on the small suite."""
    out = tmp_path_factory.mktemp("small-run") / "run"
    done = e2lm("run", EXAMPLES / "science-cloze", "--suite", small_suite, "--out", out, fresh=True)
    assert done.returncode == 0, done.stderr
    return out
