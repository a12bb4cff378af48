"""`benchmarks/gpu.py` runs; here with a tiny model, on a CPU unless there is a GPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT_ROOT = Path(__file__).parents[2]
PROGRAM = str(PROJECT_ROOT / "benchmarks/gpu.py")


@pytest.mark.slow
def test_it_measures_without_a_gpu(tmp_path: Path) -> None:
    options = ["--shapes", "tiny", "--device", "cpu", "--questions", "3", "--together", "1"]
    file = tmp_path / "gpu.json"
    command = [sys.executable, PROGRAM, *options, "--engines", "transformers", "--json", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(file.read_text())
    (measured,) = figures["measured"]
    assert measured["description"]["name"] == "transformers"
    assert measured["tokens_per_second"] > 0
    assert measured["projected_hours"] > 0
    assert figures["checkpoints_per_hour"]["tiny"]["1"] > 0


def test_without_a_gpu_it_says_how_to_try_it() -> None:
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([sys.executable, PROGRAM], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: torch finds no GPU; --device cpu")
