"""Which process scores what, and what is said of a process that cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2lm_ingestion.engines import Engine
from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.evaluation import ChoiceEvaluation
from e2lm_ingestion.runners import Job, Processes, shares
from e2lm_ingestion.suite import Checkpoint
from e2lm_ingestion.task import task_of
from tests.ingestion.conftest import plain_task


def family(root: Path, model: str, count: int, size: int) -> list[Checkpoint]:
    """`count` checkpoints whose weights have `size` bytes each."""
    made = []
    for iteration in range(1, count + 1):
        path = root / model / f"iter_{iteration}"
        path.mkdir(parents=True)
        (path / "model.safetensors").write_bytes(bytes(size))
        made.append(Checkpoint(model, iteration, 1000 * iteration, path))
    return made


def test_the_family_with_most_bytes_comes_first(tmp_path: Path) -> None:
    few_large, many_small = family(tmp_path, "large", 2, 1000), family(tmp_path, "small", 5, 100)
    assert shares([many_small, few_large], workers=2) == [few_large, many_small]


def test_families_are_halved_until_every_worker_has_one_and_not_further(tmp_path: Path) -> None:
    large, small = family(tmp_path, "large", 5, 100), family(tmp_path, "small", 1, 10)
    parts = shares([large, small], workers=4)
    assert sorted(len(part) for part in parts) == [1, 1, 2, 2]
    halves = sorted((part for part in parts if part[0].model == "large"), key=lambda part: part[0].iteration)
    assert [checkpoint for part in halves for checkpoint in part] == large, "a half keeps its order of training"


def test_more_workers_than_checkpoints_leave_some_without(tmp_path: Path) -> None:
    assert sorted(map(len, shares([family(tmp_path, "m", 2, 10)], workers=5))) == [1, 1]


def test_nothing_left_to_do_is_no_share() -> None:
    assert shares([], workers=2) == []


NOTHING = ChoiceEvaluation([], task_of(plain_task(), "task.yaml"))


def no_engine() -> Engine:
    raise OrganizerError("there is no such device")


def test_an_error_of_a_worker_is_the_error_of_the_run() -> None:
    with pytest.raises(OrganizerError, match="there is no such device"):
        Processes(Job(NOTHING, 64, no_engine), [{"PYTHONPATH": str(Path(__file__).parents[2])}] * 2)


def test_different_devices_are_refused() -> None:
    tests = str(Path(__file__).parents[2])
    with pytest.raises(OrganizerError, match="the devices differ in device"):
        Processes(
            Job(NOTHING, 64, described_by_environment),
            [{"PYTHONPATH": tests, "DEVICE_OF_THE_TEST": name} for name in ("H100", "T4")],
        )


class _Described:
    """An engine that scores nothing and says which device it has."""

    def __init__(self, device: str) -> None:
        self.description = {"device": device}


def described_by_environment() -> Engine:
    import os

    return _Described(os.environ["DEVICE_OF_THE_TEST"])  # type: ignore[return-value]
