"""Work-stealing scheduler for several engines that survives worker crashes: checkpoints and item sets -> requests.

A worker finishes the engine group that it started. An idle worker steals the last checkpoints of the longest queue. A
request whose worker died is sent again; after `DEATHS` deaths on the same request its item set fails.
"""

from __future__ import annotations

import logging
import traceback
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.execution.engine_session import CheckpointWork, EvalFailure, EvalRequest, EvalResult
from e2lm_ingestion.suite import Checkpoint, weight_files

DEATHS = 3
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Started:
    """A restarted engine is ready for requests."""

    held: frozenset[Checkpoint]  # the checkpoints that it can load


@dataclass(frozen=True, slots=True)
class WorkerDied:
    """An engine's process has ended."""

    how: str  # such as "by signal SIGKILL"
    trace: str = ""  # Python traceback if an exception ended it

    @classmethod
    def of(cls, error: Exception) -> WorkerDied:
        """The death caused by an unexpected exception."""
        message = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        return cls(f"by {message}", "".join(traceback.format_exception(error)))


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


class Pool(ABC):
    """A `Runner` of several engines, each in a process of its own."""

    def __init__(self) -> None:
        self._description: dict[str, str] = {}

    @property
    def description(self) -> dict[str, str]:
        """Everything about the engines that results depend on: name, dtype, device and versions."""
        return self._description

    def run(self, engine_groups: Sequence[list[CheckpointWork]]) -> Iterator[EvalResult | EvalFailure]:
        """Evaluate all work, the largest engine groups first. A worker that dies is replaced."""
        return answers(self, engine_groups)

    def has_started(self, message: dict[str, str] | WorkerDied) -> None:
        """Take note of a new worker's description.

        Raises OrganizerError when it has died, or when it differs from the others, because its scores would too.
        """
        if isinstance(message, WorkerDied):
            raise OrganizerError(f"a worker was ended {message.how} while starting")
        known = self._description
        if known and (key := next((key for key in message if message[key] != known.get(key)), None)):
            raise OrganizerError(
                f"the devices differ in {key} ({known.get(key)} and {message[key]}), so their scores would differ; "
                "use devices of one kind (CUDA_VISIBLE_DEVICES selects among those of one machine)"
            )
        self._description = message

    @property
    @abstractmethod
    def count(self) -> int:
        """The number of workers."""

    @abstractmethod
    def held(self, checkpoints: Sequence[Checkpoint]) -> list[frozenset[Checkpoint]]:
        """For each worker, the checkpoints that it can load."""

    @abstractmethod
    def submit(self, worker_id: int, request: EvalRequest) -> None:
        """Send a request to an idle worker."""

    @abstractmethod
    def restart(self, worker_id: int, checkpoints: Sequence[Checkpoint]) -> None:
        """Replace a worker that died; `wait` returns `Started` when the new one is ready."""

    @abstractmethod
    def wait(self) -> tuple[int, EvalResult | EvalFailure | Started | WorkerDied]:
        """The next event and the number of its worker. Raises OrganizerError for errors that affect every worker."""

    @abstractmethod
    def close(self) -> None:
        """Free the devices."""


def answers(pool: Pool, engine_groups: Sequence[list[CheckpointWork]]) -> Iterator[EvalResult | EvalFailure]:
    """Evaluate all work on the pool; yields one result or failure for each item set and checkpoint.

    Raises OrganizerError when no item set can be evaluated: a checkpoint is damaged or on no worker, or workers cannot
    be started or die on every request.
    """
    checkpoints = [work.checkpoint for engine_group in engine_groups for work in engine_group]
    schedule = Schedule(engine_groups, pool.held(checkpoints))
    idle, starting = set(range(pool.count)), set[int]()
    failed_starts = 0
    while schedule.left:
        for worker_id in sorted(idle):
            if request := schedule.next(worker_id):
                pool.submit(worker_id, request)
                idle.remove(worker_id)
        if len(idle) == pool.count:
            raise schedule.no_worker_has()
        worker_id, event = pool.wait()
        match event:
            case Started():
                schedule.started(worker_id, event.held)
                starting.discard(worker_id)
                idle.add(worker_id)
                failed_starts = 0
            case WorkerDied() if worker_id in starting:
                failed_starts += 1
                if failed_starts == DEATHS:
                    raise OrganizerError(f"no process can be started: the last was ended {event.how}")
                pool.restart(worker_id, checkpoints)
            case WorkerDied():
                if worker_id not in idle:
                    yield from schedule.died(worker_id, event)
                pool.restart(worker_id, checkpoints)
                idle.discard(worker_id)
                starting.add(worker_id)
            case _:
                yield from schedule.answered(worker_id, event)
                idle.add(worker_id)


@dataclass(slots=True)
class _Worker:
    """The schedule's state of one worker."""

    held: frozenset[Checkpoint]  # the checkpoints that it can load
    queue: deque[CheckpointWork] = field(default_factory=deque)  # work to do, without the current request
    request: EvalRequest | None = None  # the current one


class Schedule:
    """The remaining work and its assignment to workers."""

    def __init__(self, engine_groups: Sequence[list[CheckpointWork]], held: Sequence[frozenset[Checkpoint]]) -> None:
        """`held` has the checkpoints that each worker can load."""
        self._workers = [_Worker(one) for one in held]
        self._engine_group = {
            work.checkpoint: engine_group for engine_group, works in enumerate(engine_groups) for work in works
        }
        self._group_sizes = [len(works) for works in engine_groups]
        self._waiting = deque(deque(works) for works in shares(engine_groups, len(held)))
        self.left = sum(len(work.numbers) for works in engine_groups for work in works)  # results still to come
        self._deaths: Counter[tuple[Checkpoint, int]] = Counter()
        self._deaths_in_a_row = 0

    def next(self, worker_id: int) -> EvalRequest | None:
        """Next request for an idle worker: from its own queue, from a waiting engine group, or stolen; else None."""
        worker = self._workers[worker_id]
        if not worker.queue:
            self._refill(worker)
        if not worker.queue:
            return None
        work = worker.queue.popleft()
        number, *others = work.numbers
        next_checkpoint = worker.queue[0].checkpoint if worker.queue else None
        if others:
            worker.queue.appendleft(replace(work, numbers=tuple(others)))
        engine_group = self._engine_group[work.checkpoint]
        worker.request = EvalRequest(
            engine_group, self._group_sizes[engine_group], work.checkpoint, number, next_checkpoint
        )
        return worker.request

    def answered(self, worker_id: int, answer: EvalResult | EvalFailure) -> list[EvalResult | EvalFailure]:
        """Record an answer. Returns it; after a failure, also the failures of the item set's remaining checkpoints."""
        self._deaths_in_a_row = 0
        self._workers[worker_id].request = None
        self.left -= 1
        return [answer, *self._cancelled(answer)] if isinstance(answer, EvalFailure) else [answer]

    def died(self, worker_id: int, death: WorkerDied) -> list[EvalResult | EvalFailure]:
        """Put a dead worker's work back. Returns failures if this request has ended `DEATHS` workers, else nothing."""
        request, queue = self._workers[worker_id].request, self._workers[worker_id].queue
        assert request is not None
        self._workers[worker_id] = _Worker(frozenset())
        checkpoint, number = request.checkpoint, request.number
        _log.warning(
            "the process that evaluated %s was ended %s; another one is started%s",
            *(checkpoint, death.how, "\n" + death.trace if death.trace else ""),
        )
        self._deaths_in_a_row += 1
        if self._deaths_in_a_row > DEATHS * DEATHS * len(self._workers):
            raise OrganizerError(
                f"processes end on every request, the last one {death.how}; the machine may lack memory or its device "
                "may be broken; finished checkpoints are kept: run again to go on"
            )
        self._deaths[checkpoint, number] += 1
        fatal = self._deaths[checkpoint, number] == DEATHS
        if not fatal:
            others = queue.popleft().numbers if queue and queue[0].checkpoint == checkpoint else ()
            queue.appendleft(CheckpointWork(checkpoint, (number, *others)))
        if queue:
            self._waiting.appendleft(queue)
        if not fatal:
            return []
        message = f"evaluating {checkpoint} ended its process {DEATHS} times, at last {death.how}"
        hint = "the log has the error" if death.trace else "if memory ran out, give fewer items or fewer --workers"
        failed = EvalFailure(checkpoint, number, OrganizerError(f"{message}; {hint}"), death.trace)
        self.left -= 1
        return [failed, *self._cancelled(failed)]

    def started(self, worker_id: int, held: frozenset[Checkpoint]) -> None:
        """A worker that died is ready again and can load the checkpoints `held`."""
        self._workers[worker_id] = _Worker(held)

    def no_worker_has(self) -> OrganizerError:
        """The error for a checkpoint that no worker can load."""
        checkpoint = self._waiting[0][0].checkpoint
        return OrganizerError(f"{checkpoint.path}: {checkpoint} is on no node in use; copy it to one and run again")

    def _refill(self, worker: _Worker) -> None:
        """Give a worker a waiting engine group, else half of the longest queue; only checkpoints that it can load."""
        for works in list(self._waiting):
            if loadable := deque(work for work in works if work.checkpoint in worker.held):
                self._waiting.remove(works)
                if others := deque(work for work in works if work.checkpoint not in worker.held):
                    self._waiting.append(others)
                worker.queue = loadable
                return
        for other in sorted(self._workers, key=lambda other: len(other.queue), reverse=True):
            request = other.request
            in_use = (request.checkpoint, request.next_checkpoint) if request else ()
            free = [work for work in other.queue if work.checkpoint in worker.held and work.checkpoint not in in_use]
            if stolen := free[len(free) // 2 :]:
                other.queue = deque(work for work in other.queue if work not in stolen)
                worker.queue = deque(stolen)
                return

    def _cancelled(self, failed: EvalFailure) -> list[EvalResult | EvalFailure]:
        """Remove the failed item set from all queues and return its failure for each checkpoint removed."""
        cancelled: list[EvalResult | EvalFailure] = []
        for queue in [*(worker.queue for worker in self._workers), *self._waiting]:
            works = list(queue)
            queue.clear()
            for work in works:
                if failed.number in work.numbers:
                    cancelled.append(replace(failed, checkpoint=work.checkpoint))
                if numbers := tuple(number for number in work.numbers if number != failed.number):
                    queue.append(replace(work, numbers=numbers))
        self._waiting = deque(works for works in self._waiting if works)
        self.left -= len(cancelled)
        return cancelled


def shares(engine_groups: Sequence[list[CheckpointWork]], workers: int) -> list[list[CheckpointWork]]:
    """The engine groups, the most expensive first; the most expensive is halved until there is one for each worker.

    The cost of a checkpoint is the size of its weights in bytes times the number of its item sets.
    """
    parts = [engine_group for engine_group in engine_groups if engine_group]
    costs = {work: _bytes(work.checkpoint) * len(work.numbers) for engine_group in parts for work in engine_group}

    def cost(part: list[CheckpointWork]) -> int:
        return sum(costs[work] for work in part)

    while len(parts) < workers and any(len(part) > 1 for part in parts):
        largest = max((part for part in parts if len(part) > 1), key=cost)
        parts.remove(largest)
        parts += [largest[: len(largest) // 2], largest[len(largest) // 2 :]]
    return sorted(parts, key=cost, reverse=True)


def _bytes(checkpoint: Checkpoint) -> int:
    return sum(file.stat().st_size for file in weight_files(checkpoint) if file.is_file())
