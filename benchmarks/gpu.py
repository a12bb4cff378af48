"""Measures both engines on a GPU, with random weights and without a network.

usage: python benchmarks/gpu.py [--shapes 0.5B,1B,3B] [--engines vllm,vllm-reference,transformers] [--together 1,2,3]
                                [--questions 1000] [--device cuda] [--json FILE]

On a machine without a network, bring the packages along. On one with a network, the same Python and Linux, run

    pip download --dest wheels vllm==0.32.0 && pip wheel --no-deps --wheel-dir wheels .

then copy this repository with `wheels` (`split -b 60M` and `cat` where transfers are limited), and on the machine

    python -m venv .gpu && .gpu/bin/pip install --no-index --find-links wheels vllm e2lm
    .gpu/bin/python benchmarks/gpu.py --json gpu.json

Where torch is there and vLLM is not, `--engines transformers` needs nothing else. `--shapes tiny --device cpu` tries
the benchmark itself without a GPU.

For each shape, a Llama with two random checkpoints, the same requests go through each engine: four choices of two to
eight tokens for each question, after a few-shot head of 560 tokens. What is printed:

- the matrix products per second that this GPU reaches in the dtype of the run, measured first: the roofline
- seconds to start, to swap weights and to score; CPU time of the scheduling thread per prompt; computed tokens per
  second, and the share of the roofline that they are (products and attention of the layers; the head is not counted)
- the model runner and attention backend, whether the first swap was exact, and memory that stays in use after closing
- differences from the first engine: the largest in nats, and questions with another most likely choice
- vLLM with the head's product for all rows, as it is used, and with one product for each request (`row-wise`)
- several engines together on the GPU: checkpoints per hour of all of them
- hours for 427 checkpoints of this shape and 15,000 questions, projected
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from choice_requests import CONTEXT, make_requests
from transformers import LlamaConfig, LlamaForCausalLM

from e2lm_ingestion.engines import Engine, make_engine
from e2lm_ingestion.engines.device import describe_device, resolve_dtype
from e2lm_ingestion.engines.prefix_tree import unique_tokens
from e2lm_ingestion.engines.requests import Requests
from e2lm_ingestion.engines.shared_device import ENGINES_ON_DEVICE
from e2lm_ingestion.suite import Checkpoint

SUITE_CHECKPOINTS, SUITE_QUESTIONS = 427, 15_000
ERRORS = "errors.txt"  # in the folder of the checkpoints: what engines write to standard error
ROUNDS = 2  # timed scorings after the one that warms up


@dataclass(frozen=True, slots=True)
class Shape:
    """A Llama's dimensions."""

    layers: int
    hidden: int
    intermediate: int
    heads: int
    key_value_heads: int
    vocabulary: int

    def config(self) -> LlamaConfig:
        return LlamaConfig(
            num_hidden_layers=self.layers,
            hidden_size=self.hidden,
            intermediate_size=self.intermediate,
            num_attention_heads=self.heads,
            num_key_value_heads=self.key_value_heads,
            vocab_size=self.vocabulary,
            max_position_embeddings=CONTEXT,
        )

    def operations(self, tokens: int, attended: float) -> float:
        """Floating-point operations of the layers for so many tokens, each of which attends to `attended` others."""
        head = self.hidden // self.heads
        weights = self.hidden * (2 * self.hidden + 2 * self.key_value_heads * head + 3 * self.intermediate)
        return tokens * self.layers * (2.0 * weights + 4.0 * self.hidden * attended)


SHAPES = {
    "tiny": Shape(2, 64, 128, 2, 1, 1_000),
    "0.5B": Shape(24, 1024, 4096, 16, 4, 65_536),
    "1B": Shape(16, 2048, 8192, 32, 8, 65_536),
    "3B": Shape(28, 3072, 8192, 24, 8, 65_536),
}


@dataclass(frozen=True, slots=True)
class Measured:
    """One engine with one shape, alone on the device."""

    shape: str
    engine: str
    description: dict[str, str]
    start_seconds: float
    swap_seconds: float  # includes the check of the first swap
    second_swap_seconds: float
    swap_is_exact: bool | None  # None: the engine does not check
    score_seconds: float
    cpu_us_per_request: float
    computed_tokens: int
    tokens_per_second: float
    roofline_share: float
    row_wise_seconds: float | None  # None: not available
    bytes_left_after_close: int
    projected_hours: float


def main() -> None:
    """Measure every shape with every engine, then several engines together."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--shapes", default="0.5B,1B,3B", help=f"some of {', '.join(SHAPES)}")
    parser.add_argument("--engines", default="vllm,vllm-reference,transformers", help="the first is compared with")
    parser.add_argument("--together", default="1,2,3", help="numbers of engines on the GPU at once, with the first one")
    parser.add_argument("--questions", type=int, default=1000)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--child", help=argparse.SUPPRESS)  # a process of this program itself: one engine
    args = parser.parse_args()
    if args.child:
        child(**json.loads(args.child))
        return
    if args.device == "cuda" and not torch.cuda.is_available():
        sys.exit("error: torch finds no GPU; --device cpu --shapes tiny tries the benchmark without one")
    figures = measure_all(
        args.shapes.split(","),
        args.engines.split(","),
        [int(number) for number in args.together.split(",") if number],
        args.questions,
        args.device,
    )
    if args.json is not None:
        args.json.write_text(json.dumps(figures, indent=1) + "\n")


def measure_all(
    shapes: Sequence[str], engines: Sequence[str], together: Sequence[int], questions: int, device: str
) -> dict[str, Any]:
    """All figures, printed as they come."""
    dtype = resolve_dtype("auto", device)
    roofline = measure_roofline(device, dtype)
    machine = {**describe_device(device), "torch": torch.__version__, "cores": str(os.cpu_count())}
    print(f"{', '.join(f'{key} {value}' for key, value in machine.items())}, {platform.platform()}")
    print(f"roofline: {roofline / 1e12:.2f} T operations/s in {dtype}")
    measured: list[Measured] = []
    differences: dict[str, dict[str, float]] = {}
    checkpoints_per_hour: dict[str, dict[int, float]] = {}
    for shape in shapes:
        with tempfile.TemporaryDirectory(prefix="e2lm-gpu-") as name:
            folder = Path(name)
            make_checkpoints(folder, SHAPES[shape], getattr(torch, dtype), device)
            values: dict[str, np.ndarray] = {}
            for engine in engines:
                one, values[engine] = measure_alone(folder, shape, engine, questions, device, roofline)
                measured.append(one)
                print(row(one))
            for engine in engines[1:]:
                compared = compare(values[engines[0]], values[engine])
                differences[f"{shape}: {engine} - {engines[0]}"] = compared
                print(f"  {engine} - {engines[0]}: {compared}")
            for count in together:
                rate = measure_together(folder, engines[0], count, questions, device)
                checkpoints_per_hour.setdefault(shape, {})[count] = rate
                print(f"  {count} x {engines[0]}: {rate:,.0f} checkpoints of {questions:,} questions per hour")
    return {
        "machine": machine,
        "dtype": dtype,
        "roofline_operations_per_second": roofline,
        "questions": questions,
        "measured": [asdict(one) for one in measured],
        "differences": differences,
        "checkpoints_per_hour": checkpoints_per_hour,
    }


def measure_roofline(device: str, dtype: str) -> float:
    """Operations per second of large square matrix products: the best of several attempts."""
    size, repeats = (8192, 20) if device == "cuda" else (1024, 3)
    one, other = (torch.randn(size, size, device=device, dtype=getattr(torch, dtype)) for _ in range(2))
    best = float("inf")
    for _ in range(4):
        _wait(device)
        begun = time.perf_counter()
        for _ in range(repeats):
            one @ other
        _wait(device)
        best = min(best, (time.perf_counter() - begun) / repeats)
    return 2.0 * size**3 / best


def make_checkpoints(folder: Path, shape: Shape, dtype: torch.dtype, device: str) -> None:
    """Two checkpoints with random weights, made on the device because that takes minutes on a CPU."""
    for seed in range(2):
        torch.manual_seed(seed)
        with torch.device(device):
            model = LlamaForCausalLM(shape.config())
        model.to(dtype).save_pretrained(checkpoint_in(folder, seed).path)  # type: ignore[arg-type]
        del model
    if device == "cuda":
        torch.cuda.empty_cache()


def checkpoint_in(folder: Path, seed: int) -> Checkpoint:
    return Checkpoint("random", seed + 1, seed + 1, folder / f"iter_{seed}")


def measure_alone(
    folder: Path, shape: str, engine: str, questions: int, device: str, roofline: float
) -> tuple[Measured, np.ndarray]:
    """One engine in a process of its own, and the log-likelihoods of the second checkpoint, (requests,)."""
    with engine_process(folder, engine, questions, device, shared=1) as process:
        raw = finish(process)
    requests = make_requests(questions, SHAPES[shape].vocabulary)
    attended = float(np.diff(requests.starts).mean())
    operations = SHAPES[shape].operations(raw["computed_tokens"], attended)
    seconds = raw["score_seconds"]
    projected = SUITE_CHECKPOINTS * (raw["second_swap_seconds"] + seconds * SUITE_QUESTIONS / questions)
    values = np.load(folder / f"{engine}.npy")
    one = Measured(
        shape=shape,
        engine=engine,
        tokens_per_second=raw["computed_tokens"] / seconds,
        roofline_share=operations / seconds / roofline,
        projected_hours=(raw["start_seconds"] + projected) / 3600,
        **raw,
    )
    print(f"  computed / unique tokens: {raw['computed_tokens'] / unique_tokens(requests):.2f}")
    return one, values


def measure_together(folder: Path, engine: str, count: int, questions: int, device: str) -> float:
    """Checkpoints per hour of `count` engines that score at the same time, starts not counted."""
    processes = []
    try:
        for _ in range(count):
            processes.append(start(folder, engine, questions, device, shared=count))
        for process in processes:
            expect(process, "ready")
        begun = time.perf_counter()
        for process in processes:
            go(process)
        for process in processes:
            expect(process, "scored")
        seconds = time.perf_counter() - begun
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    return 3600 * count * ROUNDS / seconds


@contextmanager
def engine_process(folder: Path, engine: str, questions: int, device: str, shared: int) -> Iterator[Any]:
    """A process of this program with one engine; ended on the way out."""
    process = start(folder, engine, questions, device, shared)
    try:
        expect(process, "ready")
        go(process)
        expect(process, "scored")
        yield process
    finally:
        process.kill()
        process.communicate()


def start(folder: Path, engine: str, questions: int, device: str, shared: int) -> subprocess.Popen[str]:
    given = json.dumps({"folder": str(folder), "engine": engine, "questions": questions, "device": device})
    threads = max(1, (os.cpu_count() or 1) // shared)
    environment = {**os.environ, ENGINES_ON_DEVICE: str(shared), "OMP_NUM_THREADS": str(threads)}
    environment |= {"HF_HUB_OFFLINE": "1", "OMP_WAIT_POLICY": "PASSIVE", "VLLM_CPU_OMP_THREADS_BIND": "nobind"}
    if device == "cpu":
        environment["CUDA_VISIBLE_DEVICES"] = ""
    command = [sys.executable, __file__, "--child", given]
    with (Path(folder) / ERRORS).open("a") as errors:
        return subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
        )


def expect(process: subprocess.Popen[str], word: str) -> str:
    """Read up to the line that begins with a word and return its rest. Ends this program if the process has ended."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(f"{word} "):
            return line.removeprefix(f"{word} ")
    folder = Path(json.loads(process.args[-1])["folder"])  # type: ignore[index,call-overload]
    sys.exit(f"error: an engine ended before it was {word}:\n{(folder / ERRORS).read_text()[-3000:]}")


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Let an engine do what it does after scoring, and return its figures."""
    go(process)
    figures: dict[str, Any] = json.loads(expect(process, "figures"))
    return figures


def child(folder: str, engine: str, questions: int, device: str) -> None:
    """One engine: start, swap, warm up, score when told to, close."""
    checkpoints = [checkpoint_in(Path(folder), seed) for seed in range(2)]
    config = json.loads((checkpoints[0].path / "config.json").read_text())
    requests = make_requests(questions, config["vocab_size"])
    begun = time.perf_counter()
    made: Engine = make_engine(engine, "auto", CONTEXT)
    made.load(checkpoints[0], 2)
    start_seconds = time.perf_counter() - begun
    swap_seconds = _timed(lambda: made.load(checkpoints[1], 2))
    swap_is_exact = getattr(made, "_swap_is_verified", None)
    made.loglikelihoods(requests)
    second_swap_seconds = sum(_timed(partial(made.load, checkpoint, 2)) for checkpoint in checkpoints) / 2
    _say("ready", "")
    sys.stdin.readline()
    begun, begun_cpu = time.perf_counter(), time.thread_time()
    for _ in range(ROUNDS):
        scored = made.loglikelihoods(requests)
    score_seconds = (time.perf_counter() - begun) / ROUNDS
    cpu_us = 1e6 * (time.thread_time() - begun_cpu) / ROUNDS / len(requests)
    _say("scored", "")
    sys.stdin.readline()
    np.save(Path(folder) / f"{engine}.npy", scored.values)
    figures = {
        "description": made.description,
        "start_seconds": start_seconds,
        "swap_seconds": swap_seconds,
        "second_swap_seconds": second_swap_seconds,
        "swap_is_exact": swap_is_exact,
        "score_seconds": score_seconds,
        "cpu_us_per_request": cpu_us,
        "computed_tokens": scored.computed_tokens,
        "row_wise_seconds": row_wise_seconds(made, requests),
    }
    made.close()
    _wait(device)
    left = torch.cuda.memory_reserved() if device == "cuda" else 0
    _say("figures", json.dumps({**figures, "bytes_left_after_close": left}))


def row_wise_seconds(engine: Any, requests: Requests) -> float | None:  # noqa: ANN401 (VllmEngine, if it is one)
    """Seconds to score with one product of the head for each request; None where vLLM does not offer that."""
    llm = getattr(engine, "_llm", None)
    if llm is None:
        return None
    import vllm

    prompts, parameters = [], []
    try:
        for number in range(len(requests)):
            sequence, context = requests.sequence(number).tolist(), int(requests.context_lengths[number])
            prompts.append({"prompt_token_ids": sequence})
            parameters.append(
                vllm.SamplingParams(
                    max_tokens=1,
                    temperature=0.0,
                    detokenize=False,
                    prompt_logprob_token_ids=np.asarray(sequence[context:], dtype=np.int32)[:, None],
                    prompt_logprob_start=context - 1,
                    skip_reading_prefix_cache=False,
                )
            )
        llm.reset_prefix_cache()
        return _timed(lambda: llm.generate(prompts, parameters, use_tqdm=False))
    except Exception:  # of any kind: other versions and runners refuse these parameters each in their own way
        return None


def compare(ours: np.ndarray, others: np.ndarray) -> dict[str, float]:
    """Differences of two engines' log-likelihoods, (requests,) in nats; four neighbors are a question's choices."""
    difference = np.abs(ours - others)
    choices, other_choices = (values.reshape(-1, 4).argmax(1) for values in (ours, others))
    return {
        "largest_nats": float(difference.max()),
        "mean_nats": float(difference.mean()),
        "share_of_questions_with_another_choice": float((choices != other_choices).mean()),
    }


def row(one: Measured) -> str:
    """What is printed of a measurement."""
    row_wise = "-" if one.row_wise_seconds is None else f"{one.row_wise_seconds:.1f} s"
    return (
        f"{one.shape} {one.engine}: start {one.start_seconds:.1f} s, first swap {one.swap_seconds:.1f} s (exact: "
        f"{one.swap_is_exact}), later swaps {one.second_swap_seconds:.2f} s, scoring {one.score_seconds:.2f} s, CPU "
        f"{one.cpu_us_per_request:.0f} µs a request, {one.tokens_per_second:,.0f} tokens/s = "
        f"{100 * one.roofline_share:.1f} % of the roofline, row-wise {row_wise}, "
        f"{one.bytes_left_after_close / 2**20:,.0f} MB left after closing, full suite {one.projected_hours:.1f} h\n"
        f"  {one.description}"
    )


def _timed(action: Any) -> float:  # noqa: ANN401 (a function without arguments)
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def _say(word: str, rest: str) -> None:
    print(f"\n{word} {rest}", flush=True)


if __name__ == "__main__":
    main()
