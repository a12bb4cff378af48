"""Worker processes: errors of a worker, devices that differ, and processes that die."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from contextlib import closing
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast

from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.execution.engine_session import CheckpointWork, EvalFailure, WorkerInit
from e2lm_ingestion.execution.process_pool import Processes
from e2lm_ingestion.suite import Checkpoint
from tests.ingestion.execution.no_model import (
    Dividing,
    Killing,
    SameScores,
    Slow,
    described_by_environment,
    no_engine,
    nothing,
)

pytestmark = pytest.mark.slow  # processes that load a tokenizer import torch


def test_an_error_of_a_worker_is_the_error_of_the_run() -> None:
    with pytest.raises(OrganizerError, match="there is no such device"):
        Processes(WorkerInit([nothing], 64, no_engine), [{"PYTHONPATH": str(Path(__file__).parents[3])}] * 2)


def test_different_devices_are_refused() -> None:
    tests = str(Path(__file__).parents[3])
    with pytest.raises(OrganizerError, match="the devices differ in device"):
        Processes(
            WorkerInit([nothing], 64, described_by_environment),
            [{"PYTHONPATH": tests, "DEVICE_OF_THE_TEST": name} for name in ("H100", "T4")],
        )


def test_an_idle_process_that_ends_does_not_end_the_run(tmp_path: Path) -> None:
    work = CheckpointWork(make_checkpoint(tmp_path, 1), (0,))
    init = WorkerInit([Slow], 64, described_by_environment)  # type: ignore[list-item]
    before = children()
    with closing(Processes(init, [{"PYTHONPATH": str(Path(__file__).parents[3])}] * 2)) as processes:
        _, idle = sorted(children() - before)
        threading.Timer(1, os.kill, (idle, signal.SIGKILL)).start()
        (answer,) = processes.run([[work]])
    assert answer.number == 0


def children() -> set[int]:
    """Process numbers of this process' children."""
    text = Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text()
    return {int(number) for number in text.split()}


def make_checkpoint(folder: Path, iteration: int) -> Checkpoint:
    """A checkpoint with a tokenizer of one word and weights of one number."""
    path = folder / f"iter_{iteration}"
    PreTrainedTokenizerFast(tokenizer_object=Tokenizer(WordLevel({"word": 0}))).save_pretrained(path)
    save_file({"one": torch.zeros(1)}, path / "model.safetensors")
    (path / "config.json").write_text("{}")
    return Checkpoint("model", iteration, iteration, path)


def test_items_that_end_their_process_fail_and_others_are_scored(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    works = [CheckpointWork(make_checkpoint(tmp_path, iteration), (0, 1, 2)) for iteration in (1, 2)]
    init = WorkerInit([Dividing, Killing, SameScores], 64, described_by_environment)  # type: ignore[list-item]
    with closing(Processes(init, [{"PYTHONPATH": str(Path(__file__).parents[3])}])) as processes:
        answers = list(processes.run([works]))
    assert sorted((answer.checkpoint.iteration, answer.number) for answer in answers) == list(
        itertools.product((1, 2), (0, 1, 2))
    )
    messages = {answer.number: str(answer.error) for answer in answers if isinstance(answer, EvalFailure)}
    assert sorted(messages) == [0, 1]
    assert "ended its process 3 times, at last by ZeroDivisionError: of items" in messages[0]
    assert "ended its process 3 times, at last by signal SIGKILL" in messages[1]
    assert len(caplog.messages) == 6
    assert "Traceback" in caplog.messages[0]
