"""Which process scores what, and what is said of a process that cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2lm_ingestion.engines import Engine
from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.evaluation import ChoiceEvaluation
from e2lm_ingestion.one_engine import Job
from e2lm_ingestion.runners import Processes
from e2lm_ingestion.task import task_of
from tests.ingestion.conftest import plain_task


def nothing() -> ChoiceEvaluation:
    return ChoiceEvaluation([], task_of(plain_task(), "task.yaml"))


def no_engine() -> Engine:
    raise OrganizerError("there is no such device")


def test_an_error_of_a_worker_is_the_error_of_the_run() -> None:
    with pytest.raises(OrganizerError, match="there is no such device"):
        Processes(Job([nothing], 64, no_engine), [{"PYTHONPATH": str(Path(__file__).parents[2])}] * 2)


def test_different_devices_are_refused() -> None:
    tests = str(Path(__file__).parents[2])
    with pytest.raises(OrganizerError, match="the devices differ in device"):
        Processes(
            Job([nothing], 64, described_by_environment),
            [{"PYTHONPATH": tests, "DEVICE_OF_THE_TEST": name} for name in ("H100", "T4")],
        )


class _Described:
    """An engine that scores nothing and says which device it has."""

    def __init__(self, device: str) -> None:
        self.description = {"device": device}


def described_by_environment() -> Engine:
    import os

    return _Described(os.environ["DEVICE_OF_THE_TEST"])  # type: ignore[return-value]
