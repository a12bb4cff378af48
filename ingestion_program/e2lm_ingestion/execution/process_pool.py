"""Items and engine groups of checkpoints -> what each model says: on one engine here, or a process for each device."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Protocol

from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.execution.engine_session import (
    CheckpointWork,
    EngineSession,
    EvalFailure,
    EvalRequest,
    EvalResult,
    WorkerInit,
)
from e2lm_ingestion.execution.scheduler import Started, WorkerDied, answers
from e2lm_ingestion.interrupts import deaf_to_interrupts
from e2lm_ingestion.suite import Checkpoint

_START = (
    "import sys; sys.path.insert(0, sys.argv[1]); from e2lm_ingestion.execution.process_worker import main; "
    "main(int(sys.argv[2]))"
)


class Runner(Protocol):
    """One or more engines."""

    @property
    def description(self) -> dict[str, str]:
        """What results depend on: engine, dtype, device and versions."""

    def run(self, engine_groups: Sequence[list[CheckpointWork]]) -> Iterator[EvalResult | EvalFailure]:
        """Ask every checkpoint what it is to be asked; those of an engine group in their order."""

    def close(self) -> None:
        """Free the devices."""


def make_runner(init: WorkerInit, workers: int | None) -> Runner:
    """As many processes as `workers` says, else one for each GPU; a single engine runs in this process.

    Raises OrganizerError when there are fewer GPUs than workers, or no worker.
    """
    environments = _environments(workers)
    return EngineSession(init) if len(environments) == 1 else Processes(init, environments)


def make_processes(init: WorkerInit, workers: int | None) -> Runner:
    """The same, but a single engine has a process of its own too: what ends it does not end this one."""
    return Processes(init, _environments(workers))


def _environments(workers: int | None) -> list[dict[str, str]]:
    """The variables by which each process gets its device, or its share of the cores."""
    gpus = visible_gpus()
    most = len(gpus) or max(2, _cores())  # without a GPU two may share a core; many would only fill the memory
    if workers is not None and not 1 <= workers <= most:
        raise OrganizerError(f"--workers {workers}: give 1 to {most}, the number of GPUs or else of cores")
    count = workers or len(gpus) or 1
    if gpus:
        return [{"CUDA_VISIBLE_DEVICES": gpu} for gpu in gpus[:count]]
    if count == 1:
        return [{}]
    return [{"OMP_NUM_THREADS": str(max(1, _cores() // count)), "VLLM_CPU_OMP_THREADS_BIND": "nobind"}] * count


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them. Does not touch them."""
    import torch  # not at the top: it takes seconds

    count = torch.cuda.device_count()
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    return given.replace(" ", "").split(",")[:count] if given else [str(number) for number in range(count)]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(slots=True)
class _Process:
    """A process of process_worker.py, and the line to it."""

    process: subprocess.Popen[bytes]
    line: Connection


class Processes:
    """One engine in each of several processes, each with its own device. See process_worker.py for the other side."""

    def __init__(self, init: WorkerInit, environments: Sequence[dict[str, str]]) -> None:
        """Start a process for each environment. Raises OrganizerError unless all their devices are alike."""
        self._init, self._environments = init, environments
        self._processes: list[_Process] = []
        self._description: dict[str, str] = {}
        self._checkpoints: frozenset[Checkpoint] = frozenset()
        try:
            for environment in environments:
                self._processes.append(_start(init, environment))
            for process in self._processes:
                message = _received(process)
                if isinstance(message, WorkerDied):
                    raise OrganizerError(f"a worker process was ended {message.how} while starting")
                self._description = agreed(self._description, message)
        except BaseException:
            self.close()
            raise

    @property
    def description(self) -> dict[str, str]:
        """What results depend on: engine, dtype, device and versions."""
        return self._description

    @property
    def count(self) -> int:
        """How many processes."""
        return len(self._processes)

    def run(self, engine_groups: Sequence[list[CheckpointWork]]) -> Iterator[EvalResult | EvalFailure]:
        """Ask every checkpoint what it is to be asked, most work first. A process that dies is started again."""
        return answers(self, engine_groups)

    def held(self, checkpoints: Sequence[Checkpoint]) -> list[frozenset[Checkpoint]]:
        """All of them, for each: the processes share this machine's disks."""
        self._checkpoints = frozenset(checkpoints)
        return [self._checkpoints] * self.count

    def submit(self, worker_id: int, request: EvalRequest) -> None:
        """Ask a process that owes no answer."""
        with suppress(OSError):  # it has died, which `wait` will tell
            self._processes[worker_id].line.send(request)

    def restart(self, worker_id: int, checkpoints: Sequence[Checkpoint]) -> None:
        """Start a process in the place of one that died."""
        self._processes[worker_id].line.close()
        self._processes[worker_id] = _start(self._init, self._environments[worker_id])

    def wait(self) -> tuple[int, EvalResult | EvalFailure | Started | WorkerDied]:
        """The next thing that happens, and to which process. Raises OrganizerError for what concerns all."""
        ready = wait([process.line for process in self._processes])[0]
        worker_id = next(number for number, process in enumerate(self._processes) if process.line is ready)
        message = _received(self._processes[worker_id])
        if isinstance(message, dict):
            agreed(self._description, message)
            return worker_id, Started(self._checkpoints)
        return worker_id, message

    def close(self) -> None:
        """End the processes, whatever they are doing."""
        for process in self._processes:
            process.line.close()
            process.process.kill()
        for process in self._processes:
            process.process.wait()


def agreed(known: dict[str, str], described: dict[str, str]) -> dict[str, str]:
    """What engines say of themselves, `known` being {} before the first has.

    Raises OrganizerError when one is unlike the others: their numbers would differ.
    """
    if known and (key := next((key for key in described if described[key] != known.get(key)), None)):
        raise OrganizerError(
            f"the devices differ in {key} ({known.get(key)} and {described[key]}), and so would the numbers; "
            "run on devices that are alike (CUDA_VISIBLE_DEVICES chooses among those of one machine)"
        )
    return described


def _start(init: WorkerInit, environment: dict[str, str]) -> _Process:
    ours, theirs = Pipe()
    package = str(Path(__file__).resolve().parents[2])
    with theirs, deaf_to_interrupts():
        process = subprocess.Popen(
            # -P: a folder that one happens to be in, a submission's even, must have no say in what is imported.
            [sys.executable, "-P", "-c", _START, package, str(theirs.fileno())],
            env={**os.environ, **environment},
            pass_fds=[theirs.fileno()],
        )
    with suppress(OSError):  # it has died, which whoever reads the line finds out
        ours.send(init)
    return _Process(process, ours)


def _received(process: _Process) -> Any:  # noqa: ANN401 (a description, EvalResult, EvalFailure or WorkerDied)
    """The next message of a process. Raises the OrganizerError that it sends."""
    try:
        message = process.line.recv()
    except (EOFError, OSError):
        code = process.process.wait()
        return WorkerDied(f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}")
    if isinstance(message, OrganizerError):
        raise message
    if isinstance(message, WorkerDied):
        process.process.wait()
    return message
