"""Runs evaluations on one engine in this process, or on several engines with a process for each device."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.execution.engine_session import EngineSession, EvalFailure, EvalRequest, EvalResult, WorkerInit
from e2lm_ingestion.execution.scheduler import Pool, Runner, Started, WorkerDied
from e2lm_ingestion.execution.worker_devices import worker_environments
from e2lm_ingestion.interrupts import interrupts_blocked
from e2lm_ingestion.suite import Checkpoint

_START = (
    "import sys; sys.path.insert(0, sys.argv[1]); from e2lm_ingestion.execution.process_worker import main; "
    "main(int(sys.argv[2]))"
)


def make_runner(init: WorkerInit, workers: int | None) -> Runner:
    """Start `workers` processes, by default as many as `worker_devices` chooses; a single engine runs in this process.

    Raises OrganizerError when this machine cannot have as many.
    """
    chosen = worker_environments(workers, parameters=init.parameters, checkpoints=init.checkpoints)
    return EngineSession(init) if len(chosen) == 1 else Processes(init, chosen)


def make_processes(init: WorkerInit, workers: int | None) -> Runner:
    """Like `make_runner`, but a single engine also gets its own process, so that its crash does not end this one."""
    return Processes(init, worker_environments(workers, parameters=init.parameters, checkpoints=init.checkpoints))


@dataclass(slots=True)
class _Process:
    """A worker process (process_worker.py) and the connection to it."""

    process: subprocess.Popen[bytes]
    connection: Connection


class Processes(Pool):
    """Pool of worker processes, each with one engine on its own device. The workers run process_worker.py."""

    def __init__(self, init: WorkerInit, environments: Sequence[dict[str, str]]) -> None:
        """Start a process for each environment. Raises OrganizerError when their devices differ."""
        super().__init__()
        self._init, self._environments = init, environments
        self._processes: list[_Process] = []
        self._checkpoints: frozenset[Checkpoint] = frozenset()
        try:
            for environment in environments:
                self._processes.append(_start(init, environment))
            for process in self._processes:
                self.has_started(_next_message(process))
        except BaseException:
            self.close()
            raise

    @property
    def count(self) -> int:
        """The number of processes."""
        return len(self._processes)

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
            self.has_started(message)
            return worker_id, Started(self._checkpoints)
        return worker_id, message

    def close(self) -> None:
        """Kill the processes, also in the middle of an evaluation."""
        for process in self._processes:
            process.connection.close()
            process.process.kill()
        for process in self._processes:
            process.process.wait()


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
