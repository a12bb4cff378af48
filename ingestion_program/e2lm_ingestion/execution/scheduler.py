"""Work-stealing scheduler for several engines that survives worker crashes: checkpoints and item sets -> requests.

An engine keeps the engine group that it has begun; one with nothing left takes the last checkpoints of the longest
queue. What an engine was asked when it died is asked again; items that end their engine `DEATHS` times are their
submission's failure.
"""

from __future__ import annotations

import logging
import traceback
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
    """An engine can be asked; `held` are the checkpoints that are where it is."""

    held: frozenset[Checkpoint]


@dataclass(frozen=True, slots=True)
class WorkerDied:
    """An engine's process has ended."""

    how: str  # such as "by signal SIGKILL"
    trace: str = ""  # Python's, where it was an exception

    @classmethod
    def of(cls, error: Exception) -> WorkerDied:
        """By an exception that nobody expected."""
        message = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        return cls(f"by {message}", "".join(traceback.format_exception(error)))


class Pool(Protocol):
    """Several engines, each in a process of its own."""

    @property
    def count(self) -> int:
        """How many."""

    def held(self, checkpoints: Sequence[Checkpoint]) -> list[frozenset[Checkpoint]]:
        """Which checkpoints are where each engine is."""

    def submit(self, worker_id: int, request: EvalRequest) -> None:
        """Send a request to a worker that owes no answer."""

    def restart(self, worker_id: int, checkpoints: Sequence[Checkpoint]) -> None:
        """Start an engine in the place of one that died; `wait` tells when it is there and which of these it holds."""

    def wait(self) -> tuple[int, EvalResult | EvalFailure | Started | WorkerDied]:
        """The next thing that happens, and to which worker. Raises OrganizerError for what concerns all."""


def answers(pool: Pool, engine_groups: Sequence[list[CheckpointWork]]) -> Iterator[EvalResult | EvalFailure]:
    """Ask every checkpoint what it is to be asked. One answer or failure for each number of each work.

    Raises OrganizerError for what concerns all: a damaged checkpoint, one that no engine has, engines that only die.
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
                schedule.hold(worker_id, event.held)
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
    """One engine: what it was asked, what it is to be asked next, and which checkpoints it can be asked."""

    held: frozenset[Checkpoint]
    queue: deque[CheckpointWork] = field(default_factory=deque)
    request: EvalRequest | None = None


class Schedule:
    """What is still to be asked, and of whom."""

    def __init__(self, engine_groups: Sequence[list[CheckpointWork]], held: Sequence[frozenset[Checkpoint]]) -> None:
        """`held` are the checkpoints that each worker has."""
        self._workers = [_Worker(one) for one in held]
        self._engine_group = {
            work.checkpoint: engine_group for engine_group, works in enumerate(engine_groups) for work in works
        }
        self._waiting = deque(deque(works) for works in shares(engine_groups, len(held)))
        self.left = sum(len(work.numbers) for works in engine_groups for work in works)  # answers that are owed
        self._deaths: Counter[tuple[Checkpoint, int]] = Counter()
        self._deaths_in_a_row = 0

    def next(self, worker_id: int) -> EvalRequest | None:
        """What to ask a worker that owes no answer: of its own engine group, a waiting one, or stolen; or None."""
        worker = self._workers[worker_id]
        if not worker.queue:
            self._take(worker)
        if not worker.queue:
            return None
        work = worker.queue.popleft()
        number, *others = work.numbers
        next_checkpoint = worker.queue[0].checkpoint if worker.queue else None
        if others:
            worker.queue.appendleft(replace(work, numbers=tuple(others)))
        worker.request = EvalRequest(self._engine_group[work.checkpoint], work.checkpoint, number, next_checkpoint)
        return worker.request

    def answered(self, worker_id: int, answer: EvalResult | EvalFailure) -> list[EvalResult | EvalFailure]:
        """The answer; where it is a failure, followed by that of everything else that was to be asked of it."""
        self._deaths_in_a_row = 0
        self._workers[worker_id].request = None
        self.left -= 1
        return [answer, *self._cancelled(answer)] if isinstance(answer, EvalFailure) else [answer]

    def died(self, worker_id: int, death: WorkerDied) -> list[EvalResult | EvalFailure]:
        """Take back what a worker was to be asked. Failures, when it died of the same items too often."""
        request, queue = self._workers[worker_id].request, self._workers[worker_id].queue
        assert request is not None
        self._workers[worker_id] = _Worker(frozenset())
        checkpoint, number = request.checkpoint, request.number
        _log.warning(
            "the process asking %s was ended %s; another one is started%s",
            *(checkpoint, death.how, "\n" + death.trace if death.trace else ""),
        )
        self._deaths_in_a_row += 1
        if self._deaths_in_a_row > DEATHS * DEATHS * len(self._workers):
            raise OrganizerError(
                f"processes end whatever they are asked, at last {death.how}; the machine may lack memory or its "
                "device be broken; what is finished is kept: run again to go on"
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
        message = f"asking {checkpoint} ended its process {DEATHS} times, at last {death.how}"
        hint = "what failed is in the log" if death.trace else "if it was memory, give fewer items or fewer --workers"
        failed = EvalFailure(checkpoint, number, OrganizerError(f"{message}; {hint}"), death.trace)
        self.left -= 1
        return [failed, *self._cancelled(failed)]

    def hold(self, worker_id: int, held: frozenset[Checkpoint]) -> None:
        """A worker has an engine again."""
        self._workers[worker_id] = _Worker(held)

    def no_worker_has(self) -> OrganizerError:
        """The error for work that no worker can do."""
        checkpoint = self._waiting[0][0].checkpoint
        return OrganizerError(f"{checkpoint.path}: {checkpoint} is on no node that works; copy it there, and run again")

    def _take(self, worker: _Worker) -> None:
        for works in list(self._waiting):
            if mine := deque(work for work in works if work.checkpoint in worker.held):
                self._waiting.remove(works)
                if others := deque(work for work in works if work.checkpoint not in worker.held):
                    self._waiting.append(others)
                worker.queue = mine
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
        """The failure for all that was to be asked of its item set, which is asked no more."""
        cancelled: list[EvalResult | EvalFailure] = []
        for queue in [*(one.queue for one in self._workers), *self._waiting]:
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
    """The engine groups, those with most work first; while some worker has none, the longest is halved.

    A checkpoint is as much work as its weights have bytes, for each item set.
    """
    parts = [engine_group for engine_group in engine_groups if engine_group]
    costs = {work: _bytes(work.checkpoint) * len(work.numbers) for engine_group in parts for work in engine_group}

    def cost(part: list[CheckpointWork]) -> int:
        return sum(costs[work] for work in part)

    while len(parts) < workers and any(len(part) > 1 for part in parts):
        longest = max((part for part in parts if len(part) > 1), key=cost)
        parts.remove(longest)
        parts += [longest[: len(longest) // 2], longest[len(longest) // 2 :]]
    return sorted(parts, key=cost, reverse=True)


def _bytes(checkpoint: Checkpoint) -> int:
    return sum(file.stat().st_size for file in weight_files(checkpoint) if file.is_file())
