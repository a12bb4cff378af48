"""`benchmarks/workers.py` runs, on few and small checkpoints."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "benchmarks/workers.py"


@pytest.mark.slow
def test_it_compares_numbers_of_engines(tmp_path: Path) -> None:
    options = ["--workers", "1,2", "--checkpoints", "3", "--items", "100", "--repeats", "1"]
    file = tmp_path / "workers.json"
    done = subprocess.run(
        [sys.executable, str(PROGRAM), *options, "--json", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(file.read_text())["workers"]
    assert figures["1"]["wall_ratio"] == figures["1"]["steady_ratio"] == 1
    assert figures["2"]["wall_seconds"] > 0
