"""One engine in each of several actors of a Ray cluster; answers come back to the driver, which alone writes.

An actor keeps the family that it has begun; one with nothing left takes the last checkpoints of the longest queue. An
actor that dies is started again and asked again; items that end their actor three times are their submission's failure.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import chdir
from dataclasses import dataclass, field, replace
from typing import Any

from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.evaluation import Evaluation
from e2lm_ingestion.one_engine import Answered, Failed, Job, OneEngine, Work
from e2lm_ingestion.runners import shares
from e2lm_ingestion.suite import Checkpoint, weight_files

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
DEATHS = 3  # of actors while asked the same items


def _import_ray() -> Any:  # noqa: ANN401 (not installed everywhere, so not typed)
    try:
        import ray
    except ImportError:
        raise OrganizerError("--ray needs Ray: pip install -r requirements/ray.txt") from None
    return ray


class Actor:
    """What runs on a device of the cluster. Nothing of a submission but rendered items reaches it."""

    def __init__(self, job: Job) -> None:
        os.chdir(tempfile.mkdtemp(prefix="e2lm-"))  # empty: what lies where Ray was started has no say here
        self._job = job
        self._family: int | None = None

    def describe(self) -> dict[str, str] | OrganizerError:
        """Make the engine, and say what results depend on."""
        try:
            self._engine = OneEngine(self._job)
        except OrganizerError as error:
            return error
        return self._engine.description

    def holds(self, checkpoints: Sequence[Checkpoint]) -> list[bool]:
        """Which checkpoints this node has."""
        return [all(file.is_file() for file in weight_files(checkpoint)) for checkpoint in checkpoints]

    def ask(self, family: int, checkpoint: Checkpoint, number: int) -> Answered | Failed | OrganizerError:
        """Ask one evaluation. An error that concerns all is returned, not raised, to reach the driver as it is."""
        if family != self._family:
            self._engine.end_family()
            self._family = family
        try:
            return self._engine.ask(checkpoint, number)
        except OrganizerError as error:
            return error


@dataclass(slots=True)
class _Place:
    """An actor, the checkpoints that its node has, and what it is to do."""

    actor: Any
    held: frozenset[Checkpoint]
    family: int = -1
    queue: deque[Work] = field(default_factory=deque)  # the first is being asked
    asked: int | None = None  # the evaluation that it is asked now


class RayActors:
    """One engine on each GPU of a Ray cluster, or `workers` on CPUs."""

    def __init__(self, job: Job, address: str, workers: int | None) -> None:
        """Connect and start the actors. Raises OrganizerError unless the cluster is there and its devices are alike."""
        self._ray = _import_ray()
        self._empty = tempfile.TemporaryDirectory(prefix="e2lm-")
        with chdir(self._empty.name):  # actors here start in it, and could import what lies there
            _connect(self._ray, address, workers)
        self._references = [self._ray.put(source()) for source in job.evaluations]
        self._job = replace(job, evaluations=[_Stored(reference) for reference in self._references])
        gpus = int(self._ray.cluster_resources().get("GPU", 0))
        self._gpu = 1 if gpus else 0
        self._description: dict[str, str] = {}
        try:
            self._actors = self._start_all(workers, gpus)
        except BaseException:
            self.close()
            raise

    @property
    def description(self) -> dict[str, str]:
        """What results depend on: engine, dtype, device and versions."""
        return self._description

    def run(self, families: Sequence[list[Work]]) -> Iterator[Answered | Failed]:
        """Ask every checkpoint what it is to be asked, most work first, on a node that has it."""
        checkpoints = [work.checkpoint for family in families for work in family]
        places = [self._place(actor, checkpoints) for actor in self._actors]
        for checkpoint in checkpoints:
            if not any(checkpoint in place.held for place in places):
                raise OrganizerError(f"{checkpoint.path}: {checkpoint} is on no node of the cluster; copy it there")
        self._waiting = deque(enumerate(shares(families, len(places))))
        failed: dict[int, Failed] = {}
        deaths: Counter[tuple[Checkpoint, int]] = Counter()
        pending: dict[Any, _Place] = {}
        for place in places:
            self._go_on(place, places, pending)
        while pending:
            (reference, *_), _ = self._ray.wait(list(pending), num_returns=1)
            place = pending.pop(reference)
            work, number = place.queue[0], place.asked
            assert number is not None
            try:
                answer = self._ray.get(reference)
            except self._ray.exceptions.RayTaskError as error:
                said = " ".join(str(error.cause).split())[:300]
                raise OrganizerError(f"{work.checkpoint} cannot be asked: {said}") from None
            except self._ray.exceptions.RayActorError:
                place.actor = self._revived(place)
                deaths[work.checkpoint, number] += 1
                if deaths[work.checkpoint, number] < DEATHS:
                    self._ask(place, pending)
                    continue
                said = f"asking {work.checkpoint} ended its process {DEATHS} times; the items may need too much memory"
                answer = Failed(work.checkpoint, number, OrganizerError(said), "")
            if isinstance(answer, OrganizerError):
                raise answer
            if isinstance(answer, Failed):
                failed.setdefault(number, answer)
            yield answer
            yield from _answered(place, failed)
            self._go_on(place, places, pending)

    def close(self) -> None:
        """Free the devices."""
        self._ray.shutdown()
        self._empty.cleanup()

    def _go_on(self, place: _Place, places: Sequence[_Place], pending: dict[Any, _Place]) -> None:
        """Ask what is next for a place: of its own family, of one that none has begun, or stolen from another's."""
        if not place.queue:
            self._take(place, places)
        if place.queue:
            self._ask(place, pending)

    def _take(self, place: _Place, places: Sequence[_Place]) -> None:
        for begun in list(self._waiting):
            family, works = begun
            mine = [work for work in works if work.checkpoint in place.held]
            if mine:
                self._waiting.remove(begun)
                if others := [work for work in works if work.checkpoint not in place.held]:
                    self._waiting.append((family, others))
                place.family, place.queue = family, deque(mine)
                return
        for other in sorted(places, key=lambda other: len(other.queue), reverse=True):
            tail = list(other.queue)[1:]  # the first is being asked there
            if stolen := [work for work in tail[len(tail) // 2 :] if work.checkpoint in place.held]:
                other.queue = deque(work for work in other.queue if work not in stolen)
                place.family, place.queue = other.family, deque(stolen)
                return

    def _ask(self, place: _Place, pending: dict[Any, _Place]) -> None:
        work = place.queue[0]
        place.asked = work.numbers[0]
        pending[place.actor.ask.remote(place.family, work.checkpoint, place.asked)] = place

    def _start(self) -> Any:  # noqa: ANN401 (Ray's handle)
        return self._ray.remote(Actor).options(num_gpus=self._gpu, num_cpus=1).remote(self._job)

    def _start_all(self, workers: int | None, gpus: int) -> list[Any]:
        kind, there = ("GPUs", gpus) if gpus else ("CPUs", int(self._ray.cluster_resources().get("CPU", 0)))
        count = gpus or len(self._ray.nodes()) if workers is None else workers
        if not 1 <= count <= there:
            raise OrganizerError(f"--workers {count}: the cluster has {there} {kind}; give 1 to {there}")
        actors = [self._start() for _ in range(count)]
        for actor in actors:
            self._check(self._ray.get(actor.describe.remote()))
        return actors

    def _revived(self, place: _Place) -> Any:  # noqa: ANN401
        """An actor in the place of one that died, on a node that may be another but has the same checkpoints."""
        checkpoints = [work.checkpoint for work in place.queue]
        for attempt in range(DEATHS):
            actor = self._start()
            try:
                self._check(self._ray.get(actor.describe.remote()))
                held = self._ray.get(actor.holds.remote(checkpoints))
            except self._ray.exceptions.RayActorError:
                if attempt < DEATHS - 1:
                    continue
                raise OrganizerError("an actor dies whenever it is started; what is finished is kept") from None
            if not all(held):
                lacking = checkpoints[held.index(False)]
                raise OrganizerError(f"{lacking} is not on the node that goes on; run again when its own node is back")
            return actor
        raise AssertionError("the loop returns or raises")

    def _place(self, actor: Any, checkpoints: Sequence[Checkpoint]) -> _Place:  # noqa: ANN401
        held = self._ray.get(actor.holds.remote(checkpoints))
        return _Place(actor, frozenset(one for one, there in zip(checkpoints, held, strict=True) if there))

    def _check(self, other: dict[str, str] | OrganizerError) -> None:
        """Raise an actor's error; and OrganizerError when it is not like those before it."""
        if isinstance(other, OrganizerError):
            raise other
        self._description = self._description or other
        if other != self._description:
            key = next(key for key in other if other[key] != self._description.get(key))
            raise OrganizerError(
                f"the devices of the cluster differ in {key} ({self._description.get(key)} and {other[key]}), and so "
                "would the numbers; run on nodes that are alike"
            )


@dataclass(frozen=True, slots=True)
class _Stored:
    """Items in Ray's object store, which puts on disk what memory does not hold."""

    reference: Any

    def __call__(self) -> Evaluation:
        import ray

        evaluation: Evaluation = ray.get(self.reference)
        return evaluation


def _answered(place: _Place, failed: dict[int, Failed]) -> Iterator[Failed]:
    """Strike what was answered from the queue, and what belongs to submissions that have failed."""
    first = place.queue.popleft()
    place.queue.appendleft(replace(first, numbers=first.numbers[1:]))
    left: deque[Work] = deque()
    for work in place.queue:
        for number in work.numbers:
            if number in failed:
                yield replace(failed[number], checkpoint=work.checkpoint)
        if numbers := tuple(number for number in work.numbers if number not in failed):
            left.append(Work(work.checkpoint, numbers))
    place.queue = left


def _connect(ray: Any, address: str, workers: int | None) -> None:  # noqa: ANN401
    local: dict[str, Any] = {"num_cpus": workers, "include_dashboard": False} if address == "local" else {}
    threads = os.environ.get("OMP_NUM_THREADS") or str(max(1, (os.cpu_count() or 1) // (workers or 1)))
    environment = {"HF_HUB_OFFLINE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind", "PYTHONSAFEPATH": "1"}
    environment |= {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": threads}
    try:
        ray.init(
            address=address, runtime_env={"env_vars": environment}, log_to_driver=False, logging_level="ERROR", **local
        )
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        said = " ".join(str(error).split())[:200]
        raise OrganizerError(
            f"--ray {address}: no Ray cluster answers there ({said}); start one, or --ray local"
        ) from None
