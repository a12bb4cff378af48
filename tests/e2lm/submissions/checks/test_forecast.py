"""Minutes on a GPU."""

from __future__ import annotations

import pytest

from e2lm.submissions.checks.forecast import GPUS, SWAP_SECONDS, checkpoints, minutes, parameters_of
from e2lm.suites.registry import find_suite
from e2lm_ingestion.suite import load_suite


def test_sizes_are_read_and_others_refused() -> None:
    assert (parameters_of("1B"), parameters_of("400K"), parameters_of("large")) == (1e9, 4e5, None)


def test_a_larger_gpu_and_a_smaller_task_take_less() -> None:
    suite = load_suite(find_suite("e2lm-2025-full").suite)
    by_gpu = [minutes(suite, 5_000_000, gpu) for gpu in ("T4", "A100", "H100")]
    assert all(time is not None for time in by_gpu)
    assert sorted(by_gpu, key=lambda time: -(time or 0)) == by_gpu
    assert (minutes(suite, 0, "A100") or 0) > checkpoints(suite) * SWAP_SECONDS / 60


def test_reading_time_is_operations_over_what_the_gpu_sustains() -> None:
    suite = load_suite(find_suite("miniature").suite)
    one = suite.model_copy(update={"models": (suite.models[0].model_copy(update={"size": "1B", "iterations": (1,)}),)})
    gpu = GPUS["A100"]
    difference = ((minutes(one, 10_000_000, "A100") or 0) - (minutes(one, 0, "A100") or 0)) * 60
    assert difference == pytest.approx(2 * 1e9 * 10_000_000 / (gpu.peak * gpu.sustained))
