"""Forecasts how long a task takes on a whole suite: prompts and tokens to minutes. The figures are in hardware.py."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from e2lm_ingestion.engines.swap_verification import needs_fresh_engine
from e2lm_ingestion.execution.worker_devices import engines_per_gpu
from e2lm_ingestion.forecast.hardware import (
    CORES_A_GPU,
    CPU_SECONDS_A_TOKEN,
    PROGRAM_SECONDS,
    EngineCosts,
    Hardware,
    Machine,
)
from e2lm_ingestion.forecast.volume import Volume
from e2lm_ingestion.suite import Suite

OPERATIONS_PER_PARAMETER = 2  # for each token: one multiplication and one addition
PARAMETERS_PER_CUBED_WIDTH = 0.12  # N = 12 · layers · width² with a width of 100 · layers, as in models of these sizes
_UNITS = {"K": 1e3, "M": 1e6, "B": 1e9}


@dataclass(frozen=True, slots=True)
class Work:
    """What an engine does for one checkpoint."""

    prompts: float
    tokens: float  # of all requests, before shared prefixes are merged: each is encoded once for each model
    computed_tokens: float  # that go through the model
    context: float  # mean tokens of a prompt
    written_tokens: float = 0.0


def work_of(volume: Volume, engine: EngineCosts) -> Work:
    """The work for a task: unique tokens, and those that an engine computes again because it shares only blocks."""
    return Work(
        prompts=volume.prompts,
        tokens=volume.tokens,
        computed_tokens=min(volume.tokens, volume.unique_tokens + volume.prompts * engine.recomputed_tokens),
        context=volume.tokens / max(1, volume.requests),
        written_tokens=volume.written_tokens,
    )


def parameters_of(size: str) -> float | None:
    """`0.5B` -> 5e8; None for a size in another form.

    >>> parameters_of("0.5B"), parameters_of("100K"), parameters_of("small")
    (500000000.0, 100000.0, None)
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([KMB])", size.strip())
    return (float(match[1]) * _UNITS[match[2]] or None) if match else None


def width(parameters: float) -> float:
    """The usual hidden size of a model with so many parameters.

    >>> round(width(1e9))
    2027
    """
    return float((parameters / PARAMETERS_PER_CUBED_WIDTH) ** (1 / 3))


def operations_per_token(parameters: float, context: float) -> float:
    """Floating-point operations for one token after `context` others: matrix products and attention.

    Attention takes 4 · layers · width operations for each token of the context: a share of context / (6 · width).
    """
    return OPERATIONS_PER_PARAMETER * parameters * (1 + context / (6 * width(parameters)))


def checkpoint_seconds(work: Work, parameters: float, machine: Machine) -> float:
    """Seconds that one checkpoint keeps a device busy, without the start of the engine.

    The next weights are read while a checkpoint is scored, and prompts are prepared while the device computes.
    """
    hardware, engine = machine.hardware, machine.hardware.engine
    weights = hardware.bytes_a_parameter * parameters
    steps = work.computed_tokens / engine.tokens_a_step
    operations = work.computed_tokens * operations_per_token(parameters, work.context)
    device = operations / hardware.operations + steps * engine.step
    cpu = work.prompts * engine.prompt / (machine.engines_a_device or 1)
    scored = max(device, cpu) + (1 - engine.overlap) * min(device, cpu) + _writing_seconds(work, parameters, machine)
    modeled = max(scored, weights / hardware.disk) + weights / hardware.copy + engine.swap
    return modeled * machine.factor(parameters)


def _writing_seconds(work: Work, parameters: float, machine: Machine) -> float:
    """A step writes one token of each sequence; it reads all weights, and the keys and values of each context."""
    hardware, engine = machine.hardware, machine.hardware.engine
    steps = work.written_tokens / min(engine.sequences, max(1.0, work.prompts))
    weights = hardware.bytes_a_parameter * parameters
    context_bytes = weights * work.context / (6 * width(parameters))  # 2 · layers · width numbers for each token
    reading = (steps * weights + work.written_tokens * context_bytes) / hardware.bandwidth
    operations = work.written_tokens * operations_per_token(parameters, work.context)
    cpu = work.written_tokens * engine.written_token / (machine.engines_a_device or 1)
    return max(steps * engine.step + reading + operations / hardware.operations, cpu)


def minutes(suite: Suite, volume: Volume, machine: Machine) -> float | None:
    """Minutes for all checkpoints of the suite, from start to end; None if the size of a model is unknown."""
    engine = machine.hardware.engine
    work = work_of(volume, engine)
    engines = engines_a_device(suite, machine)
    machine = replace(machine, engines_a_device=engines)
    scoring = starts = 0.0
    for model in suite.models:
        parameters = parameters_of(model.size)
        if parameters is None:
            return None
        scoring += len(model.iterations) * checkpoint_seconds(work, parameters, machine)
        starts += _starts(len(model.iterations), machine.hardware) * engine.start + work.tokens * CPU_SECONDS_A_TOKEN
    devices = min(machine.devices, checkpoints(suite))
    starts *= max(1.0, devices * engines / len(suite.models))  # every engine starts, one after the other on a device
    return (PROGRAM_SECONDS + (scoring + starts) / devices) / 60


def engines_a_device(suite: Suite, machine: Machine) -> int:
    """How many engines a sweep starts on each device: those that the machine says, or what the largest model allows."""
    if machine.engines_a_device is not None:
        return machine.engines_a_device
    if machine.hardware.memory is None:
        return 1
    count, _ = engines_per_gpu(
        round(largest_model(suite)),
        checkpoints(suite) / machine.devices,
        cores=CORES_A_GPU,
        gpu_bytes=machine.hardware.memory,
    )
    return count


def _starts(checkpoints_of_model: int, hardware: Hardware) -> int:
    """How often a model's engine starts: twice where its first swap of weights is compared with a fresh engine."""
    if checkpoints_of_model == 1 or not hardware.engine.verifies_swaps:
        return 1
    dtype = "float32" if hardware.bytes_a_parameter == 4 else "bfloat16"
    return 2 if needs_fresh_engine(dtype, checkpoints_of_model) else 1


def largest_model(suite: Suite) -> float:
    """Parameters of the largest model; a billion if the suite does not say."""
    return max((parameters_of(model.size) or 0 for model in suite.models), default=0) or 1e9


def checkpoints(suite: Suite) -> int:
    """How many checkpoints a sweep visits."""
    return sum(len(model.iterations) for model in suite.models)


def scaled(volume: Volume, share: float) -> Volume:
    """The volume of a task with a share of the items. Prefixes that all items share are taken to shrink as well."""
    return replace(
        volume,
        **{
            name: round(getattr(volume, name) * share)
            for name in ("requests", "prompts", "tokens", "unique_tokens", "written_tokens")
        },
    )
