"""Who asks what: checkpoints and evaluations -> questions for several engines, any of which may die.

An engine keeps the family that it has begun; one with nothing left takes the last checkpoints of the longest queue.
What an engine was asked when it died is asked again; items that end their engine `DEATHS` times are their submission's
failure.
"""

from __future__ import annotations

import logging
import traceback
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.one_engine import Answered, Failed, Question, Work
from e2lm_ingestion.suite import Checkpoint, weight_files

DEATHS = 3
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Started:
    """An engine can be asked; `held` are the checkpoints that are where it is."""

    held: frozenset[Checkpoint]


@dataclass(frozen=True, slots=True)
class Died:
    """An engine's process has ended."""

    how: str  # such as "by signal SIGKILL"
    trace: str = ""  # Python's, where it was an exception

    @classmethod
    def of(cls, error: Exception) -> Died:
        """By an exception that nobody expected."""
        said = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        return cls(f"by {said}", "".join(traceback.format_exception(error)))


class Pool(Protocol):
    """Several engines, each in a process of its own."""

    @property
    def count(self) -> int:
        """How many."""

    def held(self, checkpoints: Sequence[Checkpoint]) -> list[frozenset[Checkpoint]]:
        """Which checkpoints are where each engine is."""

    def ask(self, place: int, question: Question) -> None:
        """Ask the engine at a place, which owes no answer."""

    def restart(self, place: int, checkpoints: Sequence[Checkpoint]) -> None:
        """Start an engine in the place of one that died; `wait` tells when it is there and which of these it holds."""

    def wait(self) -> tuple[int, Answered | Failed | Started | Died]:
        """The next thing that happens, and at which place. Raises OrganizerError for what concerns all."""


def answers(pool: Pool, families: Sequence[list[Work]]) -> Iterator[Answered | Failed]:
    """Ask every checkpoint what it is to be asked. One answer or failure for each number of each work.

    Raises OrganizerError for what concerns all: a damaged checkpoint, one that no engine has, engines that only die.
    """
    checkpoints = [work.checkpoint for family in families for work in family]
    schedule = Schedule(families, pool.held(checkpoints))
    idle, starting = set(range(pool.count)), set[int]()
    failed_starts = 0
    while schedule.left:
        for place in sorted(idle):
            if question := schedule.next(place):
                pool.ask(place, question)
                idle.remove(place)
        if len(idle) == pool.count:
            raise schedule.nobody_has()
        place, event = pool.wait()
        match event:
            case Started():
                schedule.hold(place, event.held)
                starting.discard(place)
                idle.add(place)
                failed_starts = 0
            case Died() if place in starting:
                failed_starts += 1
                if failed_starts == DEATHS:
                    raise OrganizerError(f"no process can be started: the last was ended {event.how}")
                pool.restart(place, checkpoints)
            case Died():
                if place not in idle:
                    yield from schedule.died(place, event)
                pool.restart(place, checkpoints)
                idle.discard(place)
                starting.add(place)
            case _:
                yield from schedule.answered(place, event)
                idle.add(place)


@dataclass(slots=True)
class _Place:
    """One engine: what it was asked, what it is to be asked next, and which checkpoints it can be asked."""

    held: frozenset[Checkpoint]
    queue: deque[Work] = field(default_factory=deque)
    asked: Question | None = None


class Schedule:
    """What is still to be asked, and of whom."""

    def __init__(self, families: Sequence[list[Work]], held: Sequence[frozenset[Checkpoint]]) -> None:
        """`held` are the checkpoints that each place has."""
        self._places = [_Place(one) for one in held]
        self._family = {work.checkpoint: family for family, works in enumerate(families) for work in works}
        self._waiting = deque(deque(works) for works in shares(families, len(held)))
        self.left = sum(len(work.numbers) for works in families for work in works)  # answers that are owed
        self._deaths: Counter[tuple[Checkpoint, int]] = Counter()
        self._deaths_in_a_row = 0

    def next(self, place: int) -> Question | None:
        """What to ask a place that owes no answer: of its own family, of one that waits, or stolen. None: nothing."""
        here = self._places[place]
        if not here.queue:
            self._take(here)
        if not here.queue:
            return None
        work = here.queue.popleft()
        number, *others = work.numbers
        following = here.queue[0].checkpoint if here.queue else None
        if others:
            here.queue.appendleft(replace(work, numbers=tuple(others)))
        here.asked = Question(self._family[work.checkpoint], work.checkpoint, number, following)
        return here.asked

    def answered(self, place: int, answer: Answered | Failed) -> list[Answered | Failed]:
        """The answer; where it is a failure, followed by that of everything else that was to be asked of it."""
        self._deaths_in_a_row = 0
        self._places[place].asked = None
        self.left -= 1
        return [answer, *self._struck(answer)] if isinstance(answer, Failed) else [answer]

    def died(self, place: int, death: Died) -> list[Answered | Failed]:
        """Take back what a place was to be asked. Failures, when it died of the same items too often."""
        question, queue = self._places[place].asked, self._places[place].queue
        assert question is not None
        self._places[place] = _Place(frozenset())
        checkpoint, number = question.checkpoint, question.number
        _log.warning(
            "the process asking %s was ended %s; another one is started%s",
            *(checkpoint, death.how, "\n" + death.trace if death.trace else ""),
        )
        self._deaths_in_a_row += 1
        if self._deaths_in_a_row > DEATHS * DEATHS * len(self._places):
            raise OrganizerError(
                f"processes end whatever they are asked, at last {death.how}; the machine may lack memory or its "
                "device be broken; what is finished is kept: run again to go on"
            )
        self._deaths[checkpoint, number] += 1
        fatal = self._deaths[checkpoint, number] == DEATHS
        if not fatal:
            others = queue.popleft().numbers if queue and queue[0].checkpoint == checkpoint else ()
            queue.appendleft(Work(checkpoint, (number, *others)))
        if queue:
            self._waiting.appendleft(queue)
        if not fatal:
            return []
        said = f"asking {checkpoint} ended its process {DEATHS} times, at last {death.how}"
        hint = "what failed is in the log" if death.trace else "if it was memory, give fewer items or fewer --workers"
        failed = Failed(checkpoint, number, OrganizerError(f"{said}; {hint}"), death.trace)
        self.left -= 1
        return [failed, *self._struck(failed)]

    def hold(self, place: int, held: frozenset[Checkpoint]) -> None:
        """A place has an engine again."""
        self._places[place] = _Place(held)

    def nobody_has(self) -> OrganizerError:
        """The error for work that no place can do."""
        checkpoint = self._waiting[0][0].checkpoint
        return OrganizerError(f"{checkpoint.path}: {checkpoint} is on no node that works; copy it there, and run again")

    def _take(self, here: _Place) -> None:
        for works in list(self._waiting):
            if mine := deque(work for work in works if work.checkpoint in here.held):
                self._waiting.remove(works)
                if others := deque(work for work in works if work.checkpoint not in here.held):
                    self._waiting.append(others)
                here.queue = mine
                return
        for other in sorted(self._places, key=lambda other: len(other.queue), reverse=True):
            question = other.asked
            in_use = (question.checkpoint, question.following) if question else ()
            free = [work for work in other.queue if work.checkpoint in here.held and work.checkpoint not in in_use]
            if stolen := free[len(free) // 2 :]:
                other.queue = deque(work for work in other.queue if work not in stolen)
                here.queue = deque(stolen)
                return

    def _struck(self, failed: Failed) -> list[Answered | Failed]:
        """The failure for all that was to be asked of its evaluation, which is asked no more."""
        struck: list[Answered | Failed] = []
        for queue in [*(place.queue for place in self._places), *self._waiting]:
            works = list(queue)
            queue.clear()
            for work in works:
                if failed.number in work.numbers:
                    struck.append(replace(failed, checkpoint=work.checkpoint))
                if numbers := tuple(number for number in work.numbers if number != failed.number):
                    queue.append(replace(work, numbers=numbers))
        self._waiting = deque(works for works in self._waiting if works)
        self.left -= len(struck)
        return struck


def shares(families: Sequence[list[Work]], workers: int) -> list[list[Work]]:
    """The families, those with most work first; while some worker has none, the longest is halved.

    A checkpoint is as much work as its weights have bytes, for each evaluation.
    """
    parts = [family for family in families if family]
    costs = {work: _bytes(work.checkpoint) * len(work.numbers) for family in parts for work in family}

    def cost(part: list[Work]) -> int:
        return sum(costs[work] for work in part)

    while len(parts) < workers and any(len(part) > 1 for part in parts):
        longest = max((part for part in parts if len(part) > 1), key=cost)
        parts.remove(longest)
        parts += [longest[: len(longest) // 2], longest[len(longest) // 2 :]]
    return sorted(parts, key=cost, reverse=True)


def _bytes(checkpoint: Checkpoint) -> int:
    return sum(file.stat().st_size for file in weight_files(checkpoint) if file.is_file())
