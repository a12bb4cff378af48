"""A small suite's results, written as ingestion writes them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.scoring.tiny_results import KEY, SCORING, seal_results, write_results


@pytest.fixture
def worker(tmp_path: Path) -> Path:
    """The folders of a worker before scoring: input/res, input/ref and an empty output; the key is the bundle's."""
    (tmp_path / "input/res").mkdir(parents=True)
    (tmp_path / "input/ref").mkdir()
    (tmp_path / "output").mkdir()
    write_results(tmp_path / "input/res")
    seal_results(tmp_path / "input/res")
    (tmp_path / "input/ref/e2lm.key").write_text(KEY)
    (tmp_path / "input/res/metadata").write_text("exitCode: 0\nelapsedTime: 1.5\ningestionExitCode: 0\n")
    (tmp_path / "input/ref/scoring.yaml").write_text(yaml.safe_dump(SCORING))
    return tmp_path
