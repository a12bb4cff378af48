"""Ray actors that share the GPUs of a cluster, which only counts them: the engine of this test computes nothing."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest

from e2lm_ingestion.engines import Engine
from e2lm_ingestion.engines.shared_device import ENGINES_ON_DEVICE
from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.execution.engine_session import WorkerInit
from tests.ingestion.execution.no_model import described_by_environment


def sharing() -> Engine:
    """An engine that reports how many it shares its GPU with."""
    engine = described_by_environment()
    engine.description["engines on the device"] = os.environ.get(ENGINES_ON_DEVICE, "none")
    return engine


@pytest.mark.slow
@pytest.mark.usefixtures("ray")
def test_actors_above_the_number_of_gpus_share_them(monkeypatch: pytest.MonkeyPatch) -> None:
    from e2lm_ingestion.execution.ray_pool import RayActors

    monkeypatch.setenv("RAY_OVERRIDE_RESOURCES", '{"CPU": 6, "GPU": 1}')
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    with closing(RayActors(WorkerInit([], 64, sharing), "local", 3)) as actors:
        assert actors.count == 3
        assert actors.description["engines on the device"] == "3"
    with pytest.raises(OrganizerError, match=r"--workers 5: the cluster has 1 free GPUs and 6 free CPUs; give 1 to 4"):
        RayActors(WorkerInit([], 64, sharing), "local", 5)
