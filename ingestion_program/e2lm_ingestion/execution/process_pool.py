"""Runs evaluations on one engine in this process, or on several engines with a process for each device."""

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
from e2lm_ingestion.interrupts import interrupts_blocked
from e2lm_ingestion.suite import Checkpoint

_START = (
    "import sys; sys.path.insert(0, sys.argv[1]); from e2lm_ingestion.execution.process_worker import main; "
    "main(int(sys.argv[2]))"
)


class Runner(Protocol):
    """One or more engines that evaluate item sets on checkpoints."""

    @property
    def description(self) -> dict[str, str]:
        """Everything about the engines that results depend on: name, dtype, device and versions."""

    def run(self, engine_groups: Sequence[list[CheckpointWork]]) -> Iterator[EvalResult | EvalFailure]:
        """Evaluate all work; yields a result or failure for each item set and checkpoint.

        Checkpoints of one engine group are evaluated in their order.
        """

    def close(self) -> None:
        """Free the devices."""


def make_runner(init: WorkerInit, workers: int | None) -> Runner:
    """Start `workers` processes, by default one for each GPU; a single engine runs in this process.

    Raises OrganizerError when `workers` is below 1 or above the number of GPUs (without a GPU: of cores, at least 2).
    """
    environments = _environments(workers)
    return EngineSession(init) if len(environments) == 1 else Processes(init, environments)


def make_processes(init: WorkerInit, workers: int | None) -> Runner:
    """Like `make_runner`, but a single engine also gets its own process, so that its crash does not end this one."""
    return Processes(init, _environments(workers))


def _environments(workers: int | None) -> list[dict[str, str]]:
    """Environment variables of each process: its GPU, or its share of the cores."""
    gpus = visible_gpus()
    most = len(gpus) or max(2, _cores())  # two processes may share a core; more would only use up memory
    if workers is not None and not 1 <= workers <= most:
        raise OrganizerError(f"--workers {workers}: give 1 to {most}, the number of GPUs or else of cores")
    count = workers or len(gpus) or 1
    if gpus:
        return [{"CUDA_VISIBLE_DEVICES": gpu} for gpu in gpus[:count]]
    if count == 1:
        return [{}]
    return [{"OMP_NUM_THREADS": str(max(1, _cores() // count)), "VLLM_CPU_OMP_THREADS_BIND": "nobind"}] * count


def visible_gpus() -> list[str]:
    """Names of the GPUs that this process may use, as in CUDA_VISIBLE_DEVICES. Does not initialize CUDA."""
    import torch  # imported here because the import takes seconds

    count = torch.cuda.device_count()
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    return given.replace(" ", "").split(",")[:count] if given else [str(number) for number in range(count)]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(slots=True)
class _Process:
    """A worker process (process_worker.py) and the connection to it."""

    process: subprocess.Popen[bytes]
    connection: Connection


class Processes:
    """Pool of worker processes, each with one engine on its own device. The workers run process_worker.py."""

    def __init__(self, init: WorkerInit, environments: Sequence[dict[str, str]]) -> None:
        """Start a process for each environment. Raises OrganizerError when their devices differ."""
        self._init, self._environments = init, environments
        self._processes: list[_Process] = []
        self._description: dict[str, str] = {}
        self._checkpoints: frozenset[Checkpoint] = frozenset()
        try:
            for environment in environments:
                self._processes.append(_start(init, environment))
            for process in self._processes:
                message = _next_message(process)
                if isinstance(message, WorkerDied):
                    raise OrganizerError(f"a worker process was ended {message.how} while starting")
                self._description = same_description(self._description, message)
        except BaseException:
            self.close()
            raise

    @property
    def description(self) -> dict[str, str]:
        """Everything about the engines that results depend on: name, dtype, device and versions."""
        return self._description

    @property
    def count(self) -> int:
        """The number of processes."""
        return len(self._processes)

    def run(self, engine_groups: Sequence[list[CheckpointWork]]) -> Iterator[EvalResult | EvalFailure]:
        """Evaluate all work, the largest engine groups first. A process that dies is restarted."""
        return answers(self, engine_groups)

    def held(self, checkpoints: Sequence[Checkpoint]) -> list[frozenset[Checkpoint]]:
        """All checkpoints for every process, because the processes share this machine's disks."""
        self._checkpoints = frozenset(checkpoints)
        return [self._checkpoints] * self.count

    def submit(self, worker_id: int, request: EvalRequest) -> None:
        """Send a request to an idle process."""
        with suppress(OSError):  # the process has died; `wait` reports it
            self._processes[worker_id].connection.send(request)

    def restart(self, worker_id: int, checkpoints: Sequence[Checkpoint]) -> None:
        """Start a process to replace one that died."""
        self._processes[worker_id].connection.close()
        self._processes[worker_id] = _start(self._init, self._environments[worker_id])

    def wait(self) -> tuple[int, EvalResult | EvalFailure | Started | WorkerDied]:
        """The next event and the number of its process. Raises OrganizerError for errors that affect every process."""
        ready = wait([process.connection for process in self._processes])[0]
        worker_id = next(number for number, process in enumerate(self._processes) if process.connection is ready)
        message = _next_message(self._processes[worker_id])
        if isinstance(message, dict):
            same_description(self._description, message)
            return worker_id, Started(self._checkpoints)
        return worker_id, message

    def close(self) -> None:
        """Kill the processes, also in the middle of an evaluation."""
        for process in self._processes:
            process.connection.close()
            process.process.kill()
        for process in self._processes:
            process.process.wait()


def same_description(known: dict[str, str], described: dict[str, str]) -> dict[str, str]:
    """Return the description of a new engine after comparing it with the `known` one ({} for the first engine).

    Raises OrganizerError when they differ, because the engines' scores would differ too.
    """
    if known and (key := next((key for key in described if described[key] != known.get(key)), None)):
        raise OrganizerError(
            f"the devices differ in {key} ({known.get(key)} and {described[key]}), so their scores would differ; "
            "use devices of one kind (CUDA_VISIBLE_DEVICES selects among those of one machine)"
        )
    return described


def _start(init: WorkerInit, environment: dict[str, str]) -> _Process:
    connection, worker_end = Pipe()
    package = str(Path(__file__).resolve().parents[2])
    with worker_end, interrupts_blocked():
        process = subprocess.Popen(
            # -P: never import from the current folder, which may be a submission's.
            [sys.executable, "-P", "-c", _START, package, str(worker_end.fileno())],
            env={**os.environ, **environment},
            pass_fds=[worker_end.fileno()],
        )
    with suppress(OSError):  # the process has died; the next read from the connection reports it
        connection.send(init)
    return _Process(process, connection)


def _next_message(process: _Process) -> Any:  # noqa: ANN401 (a description, EvalResult, EvalFailure or WorkerDied)
    """The next message of a process, WorkerDied if it has ended. Raises the OrganizerError that it sent."""
    try:
        message = process.connection.recv()
    except (EOFError, OSError):
        code = process.process.wait()
        return WorkerDied(f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}")
    if isinstance(message, OrganizerError):
        raise message
    if isinstance(message, WorkerDied):
        process.process.wait()
    return message
