"""The image, and what a worker would run in it. Without docker the tests that need one are skipped, and said to be."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from e2lm.codabench.containers import require_docker
from e2lm_ingestion.errors import OrganizerError
from tests.e2lm.command_line import EXAMPLES, PROJECT_ROOT, e2lm

BASE_IMAGE = "python:3.12.11-slim-bookworm"


@pytest.fixture(scope="session")
def image() -> str:
    """The image: the one that E2LM_TEST_IMAGE names, which then must be tested, or one built here, for CPUs."""
    given = os.environ.get("E2LM_TEST_IMAGE")
    try:
        require_docker()
    except OrganizerError as error:
        if given:
            pytest.fail(f"E2LM_TEST_IMAGE is set, but {error}", pytrace=False)
        pytest.skip(f"NOT TESTED in docker: {error}")
    if given:
        return given
    built = subprocess.run(
        ["make", "image", "IMAGE=e2lm:test", f"BASE_IMAGE={BASE_IMAGE}"],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode != 0:
        pytest.skip(f"NOT TESTED in docker: the image could not be built: {built.stderr.strip().splitlines()[-1]}")
    return "e2lm:test"


@pytest.fixture(scope="session")
def bundle(image: str, miniature: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The competition on the miniature suite, whose checkpoints are there."""
    path = tmp_path_factory.mktemp("bundle") / "bundle.zip"
    done = e2lm("bundle", "--suite", "miniature", "--image", image, "-o", path)
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture
def science_cloze(tmp_path: Path) -> Path:
    """A copy of the example to change."""
    return Path(shutil.copytree(EXAMPLES / "science-cloze", tmp_path / "science-cloze"))
