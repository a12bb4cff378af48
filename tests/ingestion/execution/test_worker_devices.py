"""Which device each worker gets, and how many engines one GPU has by default."""

from __future__ import annotations

import pytest

from e2lm_ingestion.engines.shared_device import ENGINES_ON_DEVICE
from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.execution.worker_devices import cores, engines_per_gpu, on_gpus, worker_environments

H100 = {"cores": 16.0, "gpu_bytes": 80e9}


def test_workers_above_the_number_of_gpus_share_them_in_turn() -> None:
    chosen = on_gpus(4, ["0", "GPU-a"])
    assert [one["CUDA_VISIBLE_DEVICES"] for one in chosen] == ["0", "GPU-a", "0", "GPU-a"]
    assert {one[ENGINES_ON_DEVICE] for one in chosen} == {"2"}


def test_every_worker_has_the_same_share_so_that_their_numbers_agree() -> None:
    assert {one[ENGINES_ON_DEVICE] for one in on_gpus(3, ["0", "1"])} == {"2"}


def test_workers_up_to_the_number_of_gpus_have_one_each() -> None:
    assert on_gpus(2, ["0", "1", "2"]) == [{"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": "1"}]


@pytest.mark.parametrize(("billions", "engines"), [(0.1, 3), (0.5, 3), (1.0, 2), (1.5, 2), (3.0, 1), (7.0, 1)])
def test_small_models_share_a_gpu(billions: float, engines: int) -> None:
    assert engines_per_gpu(int(billions * 1e9), 427, **H100)[0] == engines


@pytest.mark.parametrize(
    ("few", "reason"),
    [
        ({"cores": 2.0}, "each engine needs 2 cores"),
        ({"gpu_bytes": 8e9}, "a GPU has 8 GB"),
        ({"checkpoints": 12}, "12 checkpoints are few for another start"),
        ({"gpu_bytes": None}, "nvidia-smi does not tell"),
        ({"parameters": None}, "known only when they are fetched"),
    ],
)
def test_one_engine_where_something_is_scarce_and_it_is_named(few: dict[str, float], reason: str) -> None:
    given = {"parameters": 500_000_000, "checkpoints": 427, **H100, **few}
    count, why = engines_per_gpu(given.pop("parameters"), given.pop("checkpoints"), **given)  # type: ignore[arg-type]
    assert count == 1
    assert reason in why


@pytest.mark.parametrize("workers", [0, -1, 10_000])
def test_a_number_that_the_machine_cannot_have_is_refused(workers: int) -> None:
    with pytest.raises(OrganizerError, match=f"--workers {workers}: give 1 to"):
        worker_environments(workers)


@pytest.mark.usefixtures("no_gpu")
def test_workers_on_a_cpu_share_its_cores() -> None:
    assert worker_environments(None) == [{}]
    assert [one["OMP_NUM_THREADS"] for one in worker_environments(2)] == [str(max(1, cores() // 2))] * 2


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
