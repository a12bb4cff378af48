"""Calibrates the forecast with the times that a finished or interrupted run has recorded."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, median
from typing import Any
from zipfile import BadZipFile

import numpy as np

from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.file_names import ITEMS, JOURNAL
from e2lm_ingestion.forecast import duration
from e2lm_ingestion.forecast.hardware import CPU, GPUS, TRANSFORMERS, VLLM, Hardware, Machine
from e2lm_ingestion.forecast.volume import Volume
from e2lm_ingestion.output_types.registry import OUTPUT_TYPES
from e2lm_ingestion.suite import Suite

FEWEST = 3  # checkpoints of a model: the time of the first one includes the start of the engine
FARTHEST = 10.0  # ratio of parameters up to which the time of one model tells that of another
_UNKNOWN_GPU = GPUS["A100"]


@dataclass(frozen=True, slots=True)
class _Timing:
    """One checkpoint's line in the journal."""

    model: str
    parameters: float
    seconds: float
    computed_tokens: int
    arrays: str


def calibrated(run: Path, suite: Suite, volume: Volume, devices: int = 1) -> Machine:
    """The machine of a run: the costs of the model of its hardware, scaled to the seconds in progress.jsonl.

    `run` is a folder of `e2lm run` or its results. Prompts of the run are taken to be as long as those of `volume`.
    Raises OrganizerError when the run cannot tell: no or too few checkpoints, models of other sizes, written texts.
    """
    results = run / "results" if (run / "results").is_dir() else run
    hardware, timings = _journal(results / JOURNAL)
    by_size: dict[float, list[_Timing]] = defaultdict(list)
    for timing in timings:
        by_size[timing.parameters].append(timing)
    by_size = {size: own for size, own in by_size.items() if len(own) >= FEWEST}
    if not by_size:
        raise OrganizerError(
            f"--calibrate {run}: no size of model has {FEWEST} finished checkpoints; run more of the suite"
        )
    _require_similar_sizes(run, suite, list(by_size))
    usual = {size: median(timing.seconds for timing in own) for size, own in by_size.items()}
    hardware = replace(hardware, engine=replace(hardware.engine, start=_start_seconds(timings, usual)))
    base = Machine(
        "run",
        f"the machine of {run}",
        hardware,
        devices,
        engines_a_device=1,  # `devices` counts the workers of the run
        source=f"calibrated with {len(timings)} checkpoints",
    )
    prompts, context = _prompts(results, timings[0].arrays), volume.tokens / max(1, volume.requests)
    factors = {}
    for size, own in by_size.items():
        computed = median(timing.computed_tokens for timing in own)
        work = duration.Work(prompts=prompts, tokens=0, computed_tokens=computed, context=context)
        factors[size] = usual[size] / duration.checkpoint_seconds(work, size, base)
    return replace(base, factors=factors)


def _journal(path: Path) -> tuple[Hardware, list[_Timing]]:
    """The hardware, and the last line of each checkpoint, in the order of the journal."""
    try:
        whole, _, _ = path.read_text(encoding="utf-8").rpartition("\n")
        head, *rows = [json.loads(line) for line in whole.splitlines()] or [None]
        if OUTPUT_TYPES[head["output_type"]].writes:
            raise OrganizerError(
                f"--calibrate {path}: a run whose models write texts does not record how much they wrote; give the "
                "run of a task with choices"
            )
        sizes = {model["id"]: duration.parameters_of(model["size"]) for model in head["models"]}
        timings = {(row["model"], row["iteration"]): _timing(row, sizes) for row in rows}
        hardware = _hardware(head["engine"]["name"], head["engine"]["device"])
        return hardware, [timing for timing in timings.values() if timing is not None]
    except (FileNotFoundError, NotADirectoryError):
        raise OrganizerError(f"--calibrate: {path}: there is no such file; give a folder that e2lm run wrote") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise OrganizerError(
            f"--calibrate: {path}: not the journal of a run, or damaged; give a folder that e2lm run wrote"
        ) from None


def _timing(row: Mapping[str, Any], sizes: Mapping[str, float | None]) -> _Timing | None:
    parameters, seconds, computed = sizes[row["model"]], float(row["seconds"]), int(row["computed_tokens"])
    if parameters is None or not 0 < seconds < math.inf:
        return None
    return _Timing(row["model"], parameters, seconds, computed, str(row["arrays"]))


def _require_similar_sizes(run: Path, suite: Suite, measured: Sequence[float]) -> None:
    for model in suite.models:
        size = duration.parameters_of(model.size)
        if size is not None and min(max(size / one, one / size) for one in measured) > FARTHEST:
            raise OrganizerError(
                f"--calibrate {run}: its models are too small or too large to tell the time of {model.id} "
                f"({model.size}); give a run over models of about that size, or the --suite of the run"
            )


def _start_seconds(timings: Sequence[_Timing], usual: Mapping[float, float]) -> float:
    """What a model's first checkpoint takes longer than its others: starting the engine and encoding, a mean."""
    first: dict[str, _Timing] = {}
    for timing in timings:
        first.setdefault(timing.model, timing)
    longer = [max(0.0, one.seconds - usual[one.parameters]) for one in first.values() if one.parameters in usual]
    return mean(longer)


def _hardware(engine: str, device: str) -> Hardware:
    """The assumed figures of the run's device, with the costs of its engine."""
    kinds = sorted((kind for kind in GPUS if kind in device), key=len)
    hardware = CPU if device.startswith("cpu") else GPUS[kinds[-1]] if kinds else _UNKNOWN_GPU
    return replace(hardware, engine=TRANSFORMERS if engine == "transformers" else VLLM)


def _prompts(results: Path, arrays: str) -> int:
    """Distinct prompts of a run: one for each choice of several tokens, one for all choices of a single token."""
    try:
        with (
            np.load(results / ITEMS, allow_pickle=False) as items,
            np.load(results / arrays, allow_pickle=False) as own,
        ):
            starts, tokens = items["choice_offsets"][:-1], own["tokens"]
        several = np.add.reduceat(tokens > 1, starts, dtype=np.int64)
        single = np.maximum.reduceat((tokens <= 1).astype(np.int64), starts)
        return int(several.sum() + single.sum())
    except (OSError, ValueError, KeyError, IndexError, EOFError, BadZipFile):
        raise OrganizerError(
            f"--calibrate {results}: {ITEMS} or {arrays} is missing or damaged; give a folder that e2lm run wrote"
        ) from None
