"""Several engines on one GPU: each gets its share of the memory, and they start one after the other."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from e2lm_ingestion.engines.shared_device import ENGINES_ON_DEVICE, alone_on_device, memory_share

PACKAGE = Path(__file__).parents[3] / "ingestion_program"
START = """
import time
from e2lm_ingestion.engines.shared_device import alone_on_device
with alone_on_device(), alone_on_device():
    begun = time.monotonic()
    time.sleep(0.3)
    print(begun, time.monotonic())
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"PYTHONPATH": str(PACKAGE), "TMPDIR": str(tmp_path), "CUDA_VISIBLE_DEVICES": "GPU-1/a"}


def starts(environment: dict[str, str]) -> list[tuple[float, float]]:
    """When each of three processes was alone on its device."""
    processes = [
        subprocess.Popen([sys.executable, "-c", START], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    outputs = [process.communicate(timeout=60)[0].split() for process in processes]
    return sorted((float(begun), float(ended)) for begun, ended in outputs)


def test_engines_on_one_device_start_one_after_the_other(environment: dict[str, str]) -> None:
    first, second, third = starts({**environment, ENGINES_ON_DEVICE: "3"})
    assert first[1] <= second[0]
    assert second[1] <= third[0]


def test_an_engine_that_is_killed_while_it_starts_lets_others_start(environment: dict[str, str]) -> None:
    code = START.replace("time.sleep(0.3)", "print('alone', flush=True); time.sleep(600)")
    shared = {**environment, ENGINES_ON_DEVICE: "2"}
    with subprocess.Popen([sys.executable, "-c", code], env=shared, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "alone\n"
        process.kill()
    assert len(starts(shared)) == 3


def test_an_engine_that_has_its_device_alone_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENGINES_ON_DEVICE, raising=False)
    begun = time.monotonic()
    with alone_on_device():
        assert memory_share() == 1
    assert time.monotonic() - begun < 1


def test_engines_share_the_memory_equally(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENGINES_ON_DEVICE, "4")
    assert memory_share() == 0.25
