"""Measures what one prompt costs outside of the forward pass, on the engine core and with LLM.generate, by stage.

usage: python benchmarks/prompts.py [--questions 400] [--repeats 5] [--json FILE]

The prompts have about 700 tokens, of which about 95 % are read from the prefix cache: four choices of two to eight
tokens for each question, after a few-shot head. Both ways score the same requests with the same tiny Llama, by turns,
and their values are compared. Times are CPU time of the thread that schedules, in microseconds per prompt; time in the
model executor (forward pass, head, sampling) is left out. Medians over the repeats.

The JSON has `reference_us`, `ours_us`, `ratio` (their quotient) and `stages`: for each way the microseconds for adding
(parameters, rendering, hashing, Request), scheduling, updating, reading outputs, and the rest.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from choice_requests import make_requests
from sweep import WORDS, make_checkpoints

import e2lm_ingestion.engines.vllm
from e2lm_ingestion.engines import LogLikelihoods
from e2lm_ingestion.engines.requests import Requests
from e2lm_ingestion.engines.vllm import VllmEngine
from e2lm_ingestion.suite import Checkpoint

STAGES = ("adding", "scheduling", "updating", "reading", "rest")


def main() -> None:
    """Measure both ways by turns and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--questions", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    args = parser.parse_args()
    requests = make_requests(args.questions, len(WORDS))
    with tempfile.TemporaryDirectory(prefix="e2lm-benchmark-") as folder:
        (path,) = make_checkpoints(Path(folder), 1)
        checkpoint = Checkpoint("tiny", 1, 1, path)
        engines = {name: VllmEngine("float32", reference=name == "reference") for name in ("reference", "ours")}
        measured: dict[str, list[dict[str, float]]] = {name: [] for name in engines}
        scored: dict[str, LogLikelihoods] = {}
        for engine in engines.values():
            engine.load(checkpoint)
            engine.loglikelihoods(requests)  # warm up
        for _ in range(args.repeats):
            for name, engine in engines.items():
                scored[name], stages = measure(engine, requests)
                measured[name].append(stages)
        for engine in engines.values():
            engine.close()
    np.testing.assert_array_equal(scored["ours"].values, scored["reference"].values)
    report(measured, scored["ours"].computed_tokens / sum(map(len, prompt_tokens(requests))), args.json)


def prompt_tokens(requests: Requests) -> list[np.ndarray]:
    """The tokens of each request's prompt."""
    return [requests.sequence(request)[:-1] for request in range(len(requests))]


def measure(engine: VllmEngine, requests: Requests) -> tuple[LogLikelihoods, dict[str, float]]:
    """Score all requests; microseconds per prompt by stage."""
    llm, core = engine._llm, engine._llm.llm_engine.engine_core.engine_core
    spent = dict.fromkeys(("adding", "scheduling", "updating", "reading", "forward"), 0.0)
    watched: list[tuple[Any, str, str]] = [
        (core.scheduler, "schedule", "scheduling"),
        (core.scheduler, "update_from_output", "updating"),
        (core.model_executor, "execute_model", "forward"),
        (core.model_executor, "sample_tokens", "forward"),
    ]
    if engine._core is None:
        watched += [
            (llm, "_render_and_add_requests", "adding"),
            (llm.llm_engine.output_processor, "process_outputs", "reading"),
        ]
    else:
        watched += [
            (engine._core, "_new_request", "adding"),
            (core.scheduler, "add_request", "adding"),
            (e2lm_ingestion.engines.vllm, "read_core_output", "reading"),
        ]
    for owner, name, stage in watched:
        setattr(owner, name, partial(_timed, getattr(owner, name), spent, stage))
    begun = time.thread_time()
    try:
        scored = engine.loglikelihoods(requests)
    finally:
        for owner, name, _ in watched:
            setattr(owner, name, getattr(owner, name).args[0])
    total = time.thread_time() - begun - spent.pop("forward")
    spent["rest"] = total - sum(spent.values())
    prompts = len(engine._plan(requests)[0])
    return scored, {stage: 1e6 * seconds / prompts for stage, seconds in spent.items()}


def _timed(function: Callable[..., Any], spent: dict[str, float], stage: str, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
    begun = time.thread_time()
    try:
        return function(*args, **kwargs)
    finally:
        spent[stage] += time.thread_time() - begun


def report(measured: dict[str, list[dict[str, float]]], computed: float, path: Path | None) -> None:
    """Print the stages of both ways and the ratio of their sums."""
    stages = {
        name: {stage: statistics.median(one[stage] for one in repeats) for stage in STAGES}
        for name, repeats in measured.items()
    }
    totals = {name: statistics.median(sum(one.values()) for one in repeats) for name, repeats in measured.items()}
    ratio = statistics.median(
        sum(one.values()) / sum(other.values())
        for one, other in zip(measured["reference"], measured["ours"], strict=True)
    )
    print(f"{100 * (1 - computed):.0f} % of the prompts' tokens come from the cache")
    print(f"{'µs per prompt':18}" + "".join(f"{stage:>12}" for stage in STAGES) + f"{'sum':>12}")
    for name, own in stages.items():
        print(f"{name:18}" + "".join(f"{own[stage]:12.0f}" for stage in STAGES) + f"{totals[name]:12.0f}")
    print(f"ratio {ratio:.2f}")
    if path is not None:
        figures = {"reference_us": totals["reference"], "ours_us": totals["ours"], "ratio": ratio, "stages": stages}
        path.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
