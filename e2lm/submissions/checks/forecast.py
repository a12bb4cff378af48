"""Forecasts how long a task takes on a whole suite, on a given kind of GPU."""

from __future__ import annotations

import re
from dataclasses import dataclass

from e2lm_ingestion.suite import Suite


@dataclass(frozen=True, slots=True)
class Gpu:
    """Assumed sustained performance of a kind of GPU."""

    peak: float  # floating-point operations per second, dense float16 or bfloat16, from NVIDIA's data sheet
    sustained: float  # share of it in prefill; an assumption
    loading: float  # bytes of weights per second, from disk to GPU; an assumption


GPUS = {
    "T4": Gpu(peak=65e12, sustained=0.25, loading=0.5e9),
    "A100": Gpu(peak=312e12, sustained=0.40, loading=1.0e9),
    "H100": Gpu(peak=989e12, sustained=0.35, loading=2.0e9),
}
START_SECONDS = 60.0  # engine start and compilation, per model
SWAP_SECONDS = 2.0  # overhead beside loading, per checkpoint
BYTES_PER_PARAMETER = 2
OPERATIONS_PER_PARAMETER = 2  # per input token; attention adds less than a tenth at 2,048 tokens

ASSUMPTION = (
    "2 operations per parameter and unique token; T4 65 TFLOP/s at 25 %, A100 312 at 40 %, H100 989 at 35 %; weights "
    "loaded at 0.5, 1 and 2 GB/s; overhead of 60 s per model and 2 s per checkpoint"
)
_UNITS = {"K": 1e3, "M": 1e6, "B": 1e9}


def parameters_of(size: str) -> float | None:
    """`0.5B` -> 5e8; None for a size in another form.

    >>> parameters_of("0.5B"), parameters_of("100K"), parameters_of("small")
    (500000000.0, 100000.0, None)
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([KMB])", size.strip())
    return float(match[1]) * _UNITS[match[2]] if match else None


def minutes(suite: Suite, unique_tokens: int, gpu: str) -> float | None:
    """Minutes for all checkpoints of the suite on one GPU; None if the size of a model is unknown."""
    kind = GPUS[gpu]
    total = 0.0
    for model in suite.models:
        parameters = parameters_of(model.size)
        if parameters is None:
            return None
        reading = OPERATIONS_PER_PARAMETER * parameters * unique_tokens / (kind.peak * kind.sustained)
        loading = BYTES_PER_PARAMETER * parameters / kind.loading + SWAP_SECONDS
        total += START_SECONDS + len(model.iterations) * (reading + loading)
    return total / 60


def checkpoints(suite: Suite) -> int:
    """How many checkpoints a sweep visits."""
    return sum(len(model.iterations) for model in suite.models)
