"""The device of each worker process: its GPU and the number of engines on it, or its share of the cores."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

from e2lm_ingestion.engines.shared_device import ENGINES_ON_DEVICE
from e2lm_ingestion.errors import OrganizerError

MOST_PER_GPU = 4
_CORES_PER_ENGINE = 2  # one runs Python for each prompt; the other reads weights, writes results and runs the driver
_CHECKPOINTS_PER_ENGINE = 8  # a start takes as long as several checkpoints, and engines on one GPU start in turn
_ENGINE_BYTES = 5e9  # beside the weights: a cache of 2 GB, and 3 GB for a step and CUDA
_USABLE = 0.85  # share of a GPU's memory


def worker_environments(
    workers: int | None, *, parameters: int | None = None, checkpoints: int = 0
) -> list[dict[str, str]]:
    """Environment variables of each worker process.

    `workers` is by default what `engines_per_gpu` says for each GPU, and the reason is printed; without a GPU it is 1.
    `parameters` is the number of the largest model's parameters, if it is known. Raises OrganizerError when `workers`
    is below 1 or above `MOST_PER_GPU` for each GPU (without a GPU: the cores, at least 2).
    """
    gpus = visible_gpus()
    # Two processes may share a core; more would only use up memory.
    most = MOST_PER_GPU * len(gpus) or max(2, cores())
    if workers is not None and not 1 <= workers <= most:
        devices = f"{MOST_PER_GPU} for each GPU" if gpus else "the number of cores"
        raise OrganizerError(f"--workers {workers}: give 1 to {most}, {devices}")
    if not gpus:
        return _on_cores(workers or 1)
    if workers is None:
        count, reason = engines_per_gpu(
            parameters, checkpoints / len(gpus), cores=cores() / len(gpus), gpu_bytes=smallest_gpu()
        )
        workers = count * len(gpus)
        print(
            f"workers: {workers}, {count} on each GPU, because {reason}; --workers sets another number", file=sys.stderr
        )
    return on_gpus(workers, gpus)


def engines_per_gpu(
    parameters: int | None, checkpoints: float, *, cores: float, gpu_bytes: float | None
) -> tuple[int, str]:
    """How many engines one GPU should have, and the reason in words.

    A small model computes a step faster than one Python thread prepares the next, so that several engines keep the GPU
    busier. `parameters` is a count, `checkpoints` and `cores` are those for one GPU.

    >>> engines_per_gpu(500_000_000, 400, cores=16, gpu_bytes=80e9)
    (3, 'models of 0.5 billion parameters leave a GPU waiting for Python')
    >>> engines_per_gpu(500_000_000, 400, cores=2, gpu_bytes=16e9)
    (1, 'each engine needs 2 cores')
    >>> engines_per_gpu(3_000_000_000, 400, cores=16, gpu_bytes=80e9)
    (1, 'models of 3.0 billion parameters keep a GPU busy')
    """
    if parameters is None:
        return 1, "the size of the models is known only when they are fetched"
    if gpu_bytes is None:
        return 1, "nvidia-smi does not tell the GPU's memory"
    by_size = 3 if parameters < 0.75e9 else 2 if parameters < 2e9 else 1
    keeps = "leave a GPU waiting for Python" if by_size > 1 else "keep a GPU busy"
    limits = [
        (by_size, f"models of {parameters / 1e9:.1f} billion parameters {keeps}"),
        (int(cores // _CORES_PER_ENGINE), f"each engine needs {_CORES_PER_ENGINE} cores"),
        (int(checkpoints // _CHECKPOINTS_PER_ENGINE), f"{checkpoints:.0f} checkpoints are few for another start"),
        (int(_USABLE * gpu_bytes / (4 * parameters + _ENGINE_BYTES)), f"a GPU has {gpu_bytes / 1e9:.0f} GB"),
    ]
    count, reason = min(limits, key=lambda limit: limit[0])
    return max(1, count), reason


def engines_on_one(workers: int, gpus: int) -> int:
    """The number of engines on one of `gpus` GPUs, the same for all so that their budgets are equal.

    >>> engines_on_one(3, 2), engines_on_one(1, 2)
    (2, 1)
    """
    return -(-workers // gpus)


def visible_gpus() -> list[str]:
    """Names of the GPUs that this process may use, as in CUDA_VISIBLE_DEVICES. Does not initialize CUDA."""
    import torch  # imported here because the import takes seconds

    count = torch.cuda.device_count()
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    return given.replace(" ", "").split(",")[:count] if given else [str(number) for number in range(count)]


def smallest_gpu() -> float | None:
    """Bytes of the smallest GPU; None if nvidia-smi does not say. torch would keep memory of each to do so."""
    command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
        return min(float(line) for line in done.stdout.split()) * 2**20
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def on_gpus(workers: int, gpus: Sequence[str]) -> list[dict[str, str]]:
    """The environment of each worker, which take the GPUs in turn."""
    chosen = [{"CUDA_VISIBLE_DEVICES": gpus[worker % len(gpus)]} for worker in range(workers)]
    shared = engines_on_one(workers, len(gpus))
    if shared == 1:
        return chosen
    threads = str(max(1, cores() // workers))
    return [{**one, ENGINES_ON_DEVICE: str(shared), "OMP_NUM_THREADS": threads} for one in chosen]


def _on_cores(workers: int) -> list[dict[str, str]]:
    if workers == 1:
        return [{}]
    threads = str(max(1, cores() // workers))
    return [{"OMP_NUM_THREADS": threads, "VLLM_CPU_OMP_THREADS_BIND": "nobind"}] * workers
