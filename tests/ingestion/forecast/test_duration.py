"""Minutes on a GPU: agreement with the measured cost of prompts and the arithmetic of models."""

from __future__ import annotations

from dataclasses import replace

import pytest

from e2lm.suites.registry import find_suite
from e2lm_ingestion.engines.swap_verification import EXACT_CHECK_FROM
from e2lm_ingestion.execution.worker_devices import engines_per_gpu
from e2lm_ingestion.forecast.duration import (
    checkpoint_seconds,
    checkpoints,
    engines_a_device,
    largest_model,
    minutes,
    operations_per_token,
    parameters_of,
    scaled,
    work_of,
)
from e2lm_ingestion.forecast.hardware import CORES_A_GPU, CPU_SECONDS_A_PROMPT, GPUS, KINDS, machine
from e2lm_ingestion.forecast.volume import Volume
from e2lm_ingestion.suite import Suite, load_suite

# 15,000 items of four choices of several tokens after five examples, heads by subject.
LARGEST = Volume(60_000, 60_000, 42_000_000, 1_620_000, 4.0, "counted")
SHORT = Volume(400, 400, 280_000, 7_000, 4.0, "counted")


@pytest.fixture(scope="module")
def suite() -> Suite:
    return load_suite(find_suite("e2lm-2025-full").suite)


def time_of(suite: Suite, volume: Volume, kind: str, devices: int = 1) -> float:
    time = minutes(suite, volume, machine(kind, devices))
    assert time is not None
    return time


def test_sizes_are_read_and_others_refused() -> None:
    assert (parameters_of("1B"), parameters_of("400K"), parameters_of("large")) == (1e9, 4e5, None)
    assert parameters_of("0B") is None


def test_without_the_size_of_a_model_there_is_no_forecast(suite: Suite) -> None:
    other = suite.model_copy(update={"models": (suite.models[0].model_copy(update={"size": "large"}),)})
    assert minutes(other, SHORT, machine("H100")) is None
    assert (largest_model(other), largest_model(suite)) == (1e9, 3e9)


def test_a_larger_gpu_and_a_smaller_task_take_less(suite: Suite) -> None:
    by_gpu = [time_of(suite, LARGEST, gpu) for gpu in ("cpu", "T4", "L4", "A100", "H100", "B200")]
    assert sorted(by_gpu, reverse=True) == by_gpu
    for kind in KINDS:
        assert time_of(suite, scaled(LARGEST, 0.5), kind) < time_of(suite, LARGEST, kind)


@pytest.mark.parametrize(("size", "least", "most"), [(5e8, 8, 12), (1e9, 12, 18), (3e9, 30, 40)])
def test_the_largest_task_takes_the_seconds_of_a_checkpoint_that_its_prompts_and_tokens_need(
    size: float, least: float, most: float
) -> None:
    h100 = machine("H100")
    work = work_of(LARGEST, h100.hardware.engine)
    assert work.computed_tokens == pytest.approx(2.1e6)
    assert least < checkpoint_seconds(work, size, h100) < most


def test_the_largest_task_fits_a_night_on_data_center_gpus_alone(suite: Suite) -> None:
    assert 2 * 60 < time_of(suite, LARGEST, "H100") < 4 * 60
    assert 4 * 60 < time_of(suite, LARGEST, "A100") < 8 * 60
    assert time_of(suite, LARGEST, "T4") > 690


def test_the_work_for_each_prompt_is_in_the_forecast(suite: Suite) -> None:
    h100 = machine("H100")
    idle = replace(LARGEST, unique_tokens=0, tokens=0)  # nothing for the GPU
    work = work_of(idle, h100.hardware.engine)
    assert checkpoint_seconds(work, 5e8, h100) > 60_000 * CPU_SECONDS_A_PROMPT
    two = replace(h100, engines_a_device=2)
    saved = checkpoint_seconds(work, 5e8, h100) - checkpoint_seconds(work, 5e8, two)
    assert saved == pytest.approx(60_000 * CPU_SECONDS_A_PROMPT / 2)


def test_the_engines_on_a_gpu_are_those_that_a_sweep_starts(suite: Suite) -> None:
    small = suite.model_copy(update={"models": tuple(one for one in suite.models if one.size == "0.5B")})
    assert small.models
    h100 = machine("H100")
    for one, expected in ((suite, 1), (small, 3)):
        chosen, _ = engines_per_gpu(
            round(largest_model(one)), checkpoints(one), cores=CORES_A_GPU, gpu_bytes=GPUS["H100"].memory
        )
        assert engines_a_device(one, h100) == chosen == expected
    assert engines_a_device(small, machine("cpu")) == 1
    assert engines_a_device(small, replace(h100, engines_a_device=2)) == 2  # a measured machine says how many it had


def test_a_model_starts_its_engine_twice_where_its_first_swap_is_compared_with_a_fresh_one(suite: Suite) -> None:
    model = suite.models[0]
    base = machine("H100")

    def starts(count: int, bytes_a_parameter: int) -> float:
        iterations = model.iterations[:count]
        one = suite.model_copy(update={"models": (model.model_copy(update={"iterations": iterations}),)})
        times = []
        for start in (0.0, 60.0):
            engine = replace(base.hardware.engine, start=start)
            hardware = replace(base.hardware, engine=engine, bytes_a_parameter=bytes_a_parameter)
            times.append(minutes(one, SHORT, replace(base, hardware=hardware, engines_a_device=1)) or 0.0)
        return times[1] - times[0]

    assert [starts(count, 2) for count in (1, 2)] == pytest.approx([1, 2])
    assert [starts(count, 4) for count in (1, 2, EXACT_CHECK_FROM)] == pytest.approx([1, 1, 2])


def test_reading_time_is_operations_over_what_the_gpu_sustains() -> None:
    a100 = machine("A100")
    engine = replace(GPUS["A100"].engine, step=0.0, prompt=0.0)
    without_steps = replace(a100, hardware=replace(GPUS["A100"], engine=engine))
    work = work_of(LARGEST, engine)
    more = replace(work, computed_tokens=2 * work.computed_tokens)
    difference = checkpoint_seconds(more, 3e9, without_steps) - checkpoint_seconds(work, 3e9, without_steps)
    operations = work.computed_tokens * operations_per_token(3e9, 700)
    assert difference == pytest.approx(operations / GPUS["A100"].operations)


def test_attention_adds_a_twentieth_at_a_billion_parameters() -> None:
    assert operations_per_token(1e9, 0) == 2e9
    assert operations_per_token(1e9, 600) == pytest.approx(2.1e9, rel=0.01)


def test_a_short_task_takes_the_time_of_loading_and_starting(suite: Suite) -> None:
    for kind in GPUS:
        assert 10 < time_of(suite, SHORT, kind) < 60
    assert time_of(suite, SHORT, "H100") * 60 > checkpoints(suite) * GPUS["H100"].engine.swap


def test_more_gpus_divide_the_work_up_to_one_for_each_checkpoint(suite: Suite) -> None:
    one, four = time_of(suite, LARGEST, "H100"), time_of(suite, LARGEST, "H100", 4)
    assert one / 4 < four < one / 3
    assert time_of(suite, LARGEST, "H100", 10_000) == time_of(suite, LARGEST, "H100", checkpoints(suite))


def test_written_tokens_cost_more_than_read_ones(suite: Suite) -> None:
    read = replace(LARGEST, requests=15_000, prompts=15_000, tokens=10_500_000)
    written = replace(read, written_tokens=15_000 * 256)
    more_read = replace(read, unique_tokens=read.unique_tokens + 15_000 * 256)
    assert time_of(suite, written, "H100") > time_of(suite, more_read, "H100") > time_of(suite, read, "H100")
