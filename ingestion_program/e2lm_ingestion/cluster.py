"""One engine in each of several actors of a Ray cluster; answers come back to the driver, which alone writes."""

from __future__ import annotations

import importlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import chdir
from dataclasses import dataclass, replace
from typing import Any

from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.evaluation import Evaluation
from e2lm_ingestion.one_engine import Answered, Failed, Job, OneEngine, Question, Work
from e2lm_ingestion.runners import agreed
from e2lm_ingestion.scheduling import Died, Started, answers
from e2lm_ingestion.suite import Checkpoint, weight_files

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
PATIENCE = 600.0  # seconds without anything but actors that wait for a device


def _import_ray() -> Any:  # noqa: ANN401 (not installed everywhere, so not typed)
    try:
        return importlib.import_module("ray")
    except ImportError:
        raise OrganizerError("--ray needs Ray, here and on every node: pip install 'ray>=2.50'") from None


class Actor:
    """What runs on a device of the cluster. Nothing of a submission but rendered items reaches it.

    Errors are returned, not raised, to reach the driver as they are.
    """

    def __init__(self, job: Job) -> None:
        os.chdir(tempfile.mkdtemp(prefix="e2lm-"))  # empty: what lies where Ray was started has no say here
        self._job = job

    def start(self) -> dict[str, str] | OrganizerError | Died:
        """Make the engine, and say what results depend on."""
        try:
            self._engine = OneEngine(self._job)
        except OrganizerError as error:
            return error
        except Exception as error:  # of whatever kind: the driver says what it was
            return Died.of(error)
        return self._engine.description

    def holds(self, checkpoints: Sequence[Checkpoint]) -> frozenset[Checkpoint]:
        """Which checkpoints this node has."""
        return frozenset(one for one in checkpoints if all(file.is_file() for file in weight_files(one)))

    def ask(self, question: Question) -> Answered | Failed | OrganizerError | Died:
        """Ask one evaluation."""
        try:
            return self._engine.ask(question)
        except OrganizerError as error:
            return error
        except Exception as error:  # of whatever kind: the driver starts another actor
            return Died.of(error)


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
        self._description: dict[str, str] = {}
        self._pending: dict[Any, int] = {}  # what is awaited, and of which place
        self._starting: dict[int, Any] = {}  # of places that await `holds`: what `start`, before it, returns
        try:
            gpus = int(self._ray.available_resources().get("GPU", 0))
            self._gpu = 1 if gpus else 0
            self._actors = self._start_all(workers, gpus)
        except BaseException:
            self.close()
            raise

    @property
    def description(self) -> dict[str, str]:
        """What results depend on: engine, dtype, device and versions."""
        return self._description

    @property
    def count(self) -> int:
        """How many actors."""
        return len(self._actors)

    def run(self, families: Sequence[list[Work]]) -> Iterator[Answered | Failed]:
        """Ask every checkpoint what it is to be asked, most work first, on a node that has it."""
        return answers(self, families)

    def held(self, checkpoints: Sequence[Checkpoint]) -> list[frozenset[Checkpoint]]:
        """Which checkpoints the node of each actor has."""
        found = [self._received(actor.holds.remote(checkpoints)) for actor in self._actors]
        return [frozenset() if isinstance(one, Died) else one for one in found]

    def ask(self, place: int, question: Question) -> None:
        """Ask an actor that owes no answer."""
        self._pending[self._actors[place].ask.remote(question)] = place

    def restart(self, place: int, checkpoints: Sequence[Checkpoint]) -> None:
        """Start an actor in the place of one that died, on whichever node has a device for it."""
        self._ray.kill(self._actors[place])
        actor = self._actors[place] = self._start()
        self._starting[place] = actor.start.remote()
        self._pending[actor.holds.remote(checkpoints)] = place  # an actor does one thing after the other

    def wait(self) -> tuple[int, Answered | Failed | Started | Died]:
        """The next thing that happens, and to which actor. Raises OrganizerError for what concerns all."""
        patience = PATIENCE if len(self._starting) == len(self._pending) else None
        ready, _ = self._ray.wait(list(self._pending), num_returns=1, timeout=patience)
        if not ready:
            raise OrganizerError(
                f"no device of the cluster became free in {PATIENCE / 60:.0f} minutes; what is finished is kept: run "
                "again when its nodes are back"
            )
        place = self._pending.pop(ready[0])
        described = self._starting.pop(place, None)
        message = self._received(ready[0] if described is None else described)
        if described is None or isinstance(message, Died):
            return place, message
        agreed(self._description, message)
        held = self._received(ready[0])
        return place, held if isinstance(held, Died) else Started(held)

    def close(self) -> None:
        """Free the devices."""
        self._ray.shutdown()
        self._empty.cleanup()

    def _received(self, reference: Any) -> Any:  # noqa: ANN401 (what a method of Actor returns, or Died)
        try:
            message = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            return Died(f"from outside ({' '.join(str(error).split())[:100]})")
        if isinstance(message, OrganizerError):
            raise message
        return message

    def _start(self) -> Any:  # noqa: ANN401 (Ray's handle)
        return self._ray.remote(Actor).options(num_gpus=self._gpu, num_cpus=1).remote(self._job)

    def _start_all(self, workers: int | None, gpus: int) -> list[Any]:
        kind, there = ("GPUs", gpus) if gpus else ("CPUs", int(self._ray.available_resources().get("CPU", 0)))
        count = gpus or len(self._ray.nodes()) if workers is None else workers
        if not 1 <= count <= there:
            raise OrganizerError(f"--workers {count}: the cluster has {there} free {kind}; give 1 to {there}")
        actors = [self._start() for _ in range(count)]
        for described in [actor.start.remote() for actor in actors]:
            message = self._received(described)
            if isinstance(message, Died):
                raise OrganizerError(f"an actor was ended {message.how} while starting")
            self._description = agreed(self._description, message)
        return actors


@dataclass(frozen=True, slots=True)
class _Stored:
    """Items in Ray's object store, which puts on disk what memory does not hold."""

    reference: Any

    def __call__(self) -> Evaluation:
        evaluation: Evaluation = _import_ray().get(self.reference)
        return evaluation


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
