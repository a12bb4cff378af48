"""Pool of Ray actors, each with one engine. Results return to the driver, which alone writes files."""

from __future__ import annotations

import importlib
import os
import tempfile
from collections.abc import Sequence
from contextlib import chdir
from dataclasses import dataclass, replace
from typing import Any

from e2lm_ingestion.engines.shared_device import ENGINES_ON_DEVICE
from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.execution.engine_session import EngineSession, EvalFailure, EvalRequest, EvalResult, WorkerInit
from e2lm_ingestion.execution.scheduler import Pool, Started, WorkerDied
from e2lm_ingestion.execution.worker_devices import MOST_PER_GPU, engines_on_one
from e2lm_ingestion.output_types.protocol import ItemSet
from e2lm_ingestion.suite import Checkpoint, weight_files

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
PATIENCE = 600.0  # seconds to wait when every pending actor waits for a free device


def _import_ray() -> Any:  # noqa: ANN401 (not installed everywhere, so not typed)
    try:
        return importlib.import_module("ray")
    except ImportError:
        raise OrganizerError("--ray needs Ray, here and on every node: pip install 'ray>=2.50'") from None


class Actor:
    """An engine on one device of the cluster. It receives a submission's rendered items and none of its files.

    Methods return errors instead of raising them, because Ray wraps raised exceptions in its own types.
    """

    def __init__(self, init: WorkerInit) -> None:
        os.chdir(
            tempfile.mkdtemp(prefix="e2lm-")
        )  # empty: nothing can be imported from the folder where Ray was started
        self._init = init

    def start(self) -> dict[str, str] | OrganizerError | WorkerDied:
        """Make the engine and return its description."""
        try:
            self._session = EngineSession(self._init)
        except OrganizerError as error:
            return error
        except Exception as error:  # of any kind: the driver reports it
            return WorkerDied.of(error)
        return self._session.description

    def holds(self, checkpoints: Sequence[Checkpoint]) -> frozenset[Checkpoint]:
        """The checkpoints whose weight files are on this node."""
        return frozenset(one for one in checkpoints if all(file.is_file() for file in weight_files(one)))

    def evaluate(self, request: EvalRequest) -> EvalResult | EvalFailure | OrganizerError | WorkerDied:
        """Evaluate one item set on one checkpoint."""
        try:
            return self._session.evaluate(request)
        except OrganizerError as error:
            return error
        except Exception as error:  # of any kind: the driver starts another actor
            return WorkerDied.of(error)


class RayActors(Pool):
    """`workers` engines on the GPUs of a Ray cluster, by default one on each, or on CPUs."""

    def __init__(self, init: WorkerInit, address: str, workers: int | None) -> None:
        """Connect and start the actors. Raises OrganizerError when no cluster answers or its devices differ."""
        super().__init__()
        self._ray = _import_ray()
        self._empty = tempfile.TemporaryDirectory(prefix="e2lm-")
        with chdir(self._empty.name):  # actors on this node start here and could import files of the current folder
            _connect(self._ray, address, workers)
        self._references = [self._ray.put(source()) for source in init.item_sets]
        self._init = replace(init, item_sets=[_Stored(reference) for reference in self._references])
        self._pending: dict[Any, int] = {}  # Ray reference of a call -> number of the actor that runs it
        self._starting: dict[
            int, Any
        ] = {}  # restarted actors: number -> reference of `start`, which runs before `holds`
        try:
            gpus = int(self._ray.available_resources().get("GPU", 0))
            self._on_one = engines_on_one(workers or gpus, gpus) if gpus else 0
            self._actors = self._start_all(workers, gpus)
        except BaseException:
            self.close()
            raise

    @property
    def count(self) -> int:
        """The number of actors."""
        return len(self._actors)

    def held(self, checkpoints: Sequence[Checkpoint]) -> list[frozenset[Checkpoint]]:
        """For each actor, the checkpoints on its node."""
        found = [self._result_of(actor.holds.remote(checkpoints)) for actor in self._actors]
        return [frozenset() if isinstance(one, WorkerDied) else one for one in found]

    def submit(self, worker_id: int, request: EvalRequest) -> None:
        """Send a request to an idle actor."""
        self._pending[self._actors[worker_id].evaluate.remote(request)] = worker_id

    def restart(self, worker_id: int, checkpoints: Sequence[Checkpoint]) -> None:
        """Start an actor to replace one that died, on any node with a free device."""
        self._ray.kill(self._actors[worker_id])
        actor = self._actors[worker_id] = self._start()
        self._starting[worker_id] = actor.start.remote()
        self._pending[actor.holds.remote(checkpoints)] = (
            worker_id  # an actor runs its calls in order, so `start` comes first
        )

    def wait(self) -> tuple[int, EvalResult | EvalFailure | Started | WorkerDied]:
        """The next event and the number of its actor. Raises OrganizerError for errors that affect every actor."""
        patience = PATIENCE if len(self._starting) == len(self._pending) else None
        ready, _ = self._ray.wait(list(self._pending), num_returns=1, timeout=patience)
        if not ready:
            raise OrganizerError(
                f"no device of the cluster became free in {PATIENCE / 60:.0f} minutes; finished checkpoints are kept: "
                "run again when the nodes are back"
            )
        worker_id = self._pending.pop(ready[0])
        described = self._starting.pop(worker_id, None)
        message = self._result_of(ready[0] if described is None else described)
        if described is None or isinstance(message, WorkerDied):
            return worker_id, message
        self.has_started(message)
        held = self._result_of(ready[0])
        return worker_id, held if isinstance(held, WorkerDied) else Started(held)

    def close(self) -> None:
        """Free the devices."""
        self._ray.shutdown()
        self._empty.cleanup()

    def _result_of(self, reference: Any) -> Any:  # noqa: ANN401 (the return value of a method of Actor, or WorkerDied)
        try:
            message = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            return WorkerDied(f"from outside ({' '.join(str(error).split())[:100]})")
        if isinstance(message, OrganizerError):
            raise message
        return message

    def _start(self) -> Any:  # noqa: ANN401 (Ray's handle)
        options: dict[str, Any] = {"num_gpus": 0}
        if self._on_one:
            shared = {"env_vars": {ENGINES_ON_DEVICE: str(self._on_one)}}
            options = {"num_gpus": 10_000 // self._on_one / 10_000, "runtime_env": shared}  # Ray counts in 1/10,000
        return self._ray.remote(Actor).options(num_cpus=1, **options).remote(self._init)

    def _start_all(self, workers: int | None, gpus: int) -> list[Any]:
        cpus = int(self._ray.available_resources().get("CPU", 0))
        most = min(MOST_PER_GPU * gpus, cpus) if gpus else cpus
        count = (gpus or len(self._ray.nodes())) if workers is None else workers
        if not 1 <= count <= most:
            devices = f"{gpus} free GPUs and {cpus} free CPUs" if gpus else f"{cpus} free CPUs"
            raise OrganizerError(f"--workers {count}: the cluster has {devices}; give 1 to {most}")
        actors = [self._start() for _ in range(count)]
        for described in [actor.start.remote() for actor in actors]:
            self.has_started(self._result_of(described))
        return actors


@dataclass(frozen=True, slots=True)
class _Stored:
    """An item set in Ray's object store, which spills to disk when memory is short."""

    reference: Any

    def __call__(self) -> ItemSet:
        item_set: ItemSet = _import_ray().get(self.reference)
        return item_set


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
        message = " ".join(str(error).split())[:200]
        raise OrganizerError(
            f"--ray {address}: no Ray cluster answers there ({message}); start one, or --ray local"
        ) from None
