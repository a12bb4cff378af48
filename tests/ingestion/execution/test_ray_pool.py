"""Ray actors that share the GPUs of a cluster, which only counts them: the engine of this test computes nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from e2lm_ingestion.engines import Engine
from e2lm_ingestion.engines.shared_device import ENGINES_ON_DEVICE
from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.execution.engine_session import WorkerInit
from tests.ingestion.execution.test_process_pool import described_by_environment

PROJECT_ROOT = Path(__file__).parents[3]
CLUSTER = """
import sys, ray
node = ray.init(num_cpus=6, num_gpus=1, include_dashboard=False, log_to_driver=False)
print("address", node.address_info["address"], flush=True)
sys.stdin.read()
"""


def sharing() -> Engine:
    """An engine that reports how many it shares its GPU with."""
    engine = described_by_environment()
    engine.description["engines on the device"] = os.environ.get(ENGINES_ON_DEVICE, "none")
    return engine


@pytest.fixture(scope="module")
def one_gpu(ray: None) -> Iterator[str]:
    """The address of a cluster that says it has one GPU."""
    path = f"{PROJECT_ROOT}:{PROJECT_ROOT / 'ingestion_program'}"
    with subprocess.Popen(
        [sys.executable, "-c", CLUSTER],
        env={**os.environ, "PYTHONPATH": path, "RAY_USAGE_STATS_ENABLED": "0"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield next(line for line in process.stdout if line.startswith("address")).split()[1]
        process.communicate()


def test_actors_above_the_number_of_gpus_share_them(one_gpu: str) -> None:
    from e2lm_ingestion.execution.ray_pool import RayActors

    with closing(RayActors(WorkerInit([], 64, sharing), one_gpu, 3)) as actors:
        assert actors.count == 3
        assert actors.description["engines on the device"] == "3"


def test_more_actors_than_a_gpu_takes_are_refused(one_gpu: str) -> None:
    from e2lm_ingestion.execution.ray_pool import RayActors

    with pytest.raises(OrganizerError, match=r"--workers 5: the cluster has 1 free GPUs and 6 free CPUs; give 1 to 4"):
        RayActors(WorkerInit([], 64, sharing), one_gpu, 5)
