"""Compares `e2lm run` with loops over lm-evaluation-harness, on one machine and the same weights.

usage: python benchmarks/sweep.py [--checkpoints 12] [--items 400] [--shots 5] [--engines vllm,transformers]
                                  [--peers vllm,hf] [--peer-python PYTHON] [--peer-checkpoints N] [--json FILE]

The peers are `lm_eval --model vllm` and `lm_eval --model hf`, one process per checkpoint, from an interpreter that has
lm-eval (docs/performance.md says how to make one). The task has 4 choices and 5 shots, about 640 tokens a prompt; the
checkpoints are of one tiny Llama. Seconds, CPU seconds and memory are those of whole processes, engine start included.
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
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import yaml
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from e2lm_ingestion.engines.prefix_tree import unique_tokens
from e2lm_ingestion.engines.requests import encode
from e2lm_ingestion.output_types.items import build_items
from e2lm_ingestion.submission.submission import open_submission

WORDS = [f"w{number}" for number in range(1000)]
CONTEXT = 1024
MODEL = "tiny"


@dataclass(frozen=True, slots=True)
class Measurement:
    """One way of scoring all checkpoints."""

    name: str
    seconds: float  # wall time
    cpu_seconds: float
    peak_megabytes: float  # of the largest process
    computed_tokens: int | None  # all checkpoints together; None if the program does not report it
    mean_accuracy: float


def main() -> None:
    """Make the task and the checkpoints, run everything, print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--checkpoints", type=int, default=12)
    parser.add_argument("--items", type=int, default=400)
    parser.add_argument("--shots", type=int, default=5)
    parser.add_argument("--engines", default="vllm,transformers", help="engines of e2lm run: vllm, transformers")
    parser.add_argument("--peers", default="vllm,hf", help="models of lm_eval: vllm, hf, or none")
    parser.add_argument("--peer-python", default=sys.executable, help="an interpreter that has lm-eval")
    parser.add_argument(
        "--peer-checkpoints",
        type=int,
        metavar="N",
        help="run the peers on N checkpoints alone and multiply: each checkpoint is a process of its own",
    )
    parser.add_argument("--json", type=Path, help="also write the figures here")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="e2lm-benchmark-") as name:
        folder = Path(name)
        checkpoints = make_checkpoints(folder, args.checkpoints)
        submission = make_submission(folder / "benchmark", args.items, args.shots)
        suite = make_suite(folder, args.checkpoints)
        unique = args.checkpoints * count_unique_tokens(submission, checkpoints[0])
        found = [run_ours(engine, submission, suite, folder) for engine in split(args.engines)]
        few = checkpoints[: args.peer_checkpoints or len(checkpoints)]
        scale = len(checkpoints) / len(few)
        found += [run_peer(peer, submission, few, args.peer_python, folder, scale) for peer in split(args.peers)]
    report(found, unique, args.json)


def split(names: str) -> list[str]:
    return [name for name in names.split(",") if name not in {"", "none"}]


def make_checkpoints(folder: Path, count: int) -> list[Path]:
    """Checkpoints of one tiny Llama with random weights, and a tokenizer with a token per word."""
    vocabulary = {word: number for number, word in enumerate(["<s>", "<unk>", "Question", "Answer", ":", *WORDS])}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, bos_token="<s>", eos_token="<s>", unk_token="<unk>")
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=4,
        num_attention_heads=4,
        max_position_embeddings=CONTEXT,
        bos_token_id=0,
        eos_token_id=0,
    )
    made = []
    for number in range(1, count + 1):
        torch.manual_seed(number)
        path = folder / "checkpoints" / MODEL / f"iter_{number:07d}"
        LlamaForCausalLM(config).save_pretrained(path)
        tokenizer.save_pretrained(path)
        made.append(path)
    return made


def make_submission(folder: Path, items: int, shots: int) -> Path:
    """Random questions of 84 to 115 words with four answers of three words each, behind `shots` examples.

    Their lengths differ as real ones do: prompts of equal length would all end at the same position in a cache block,
    and the amount of recomputation would depend on that position alone.
    """
    rng = np.random.default_rng(0)

    def documents(count: int) -> Iterator[str]:
        for _ in range(count):
            question = " ".join(rng.choice(WORDS, int(rng.integers(84, 116))))
            choices = [" ".join(rng.choice(WORDS, 3)) for _ in range(4)]
            yield json.dumps({"question": question, "choices": choices, "answer": int(rng.integers(4))}) + "\n"

    folder.mkdir()
    (folder / "test.jsonl").write_text("".join(documents(items)))
    (folder / "dev.jsonl").write_text("".join(documents(shots)))
    task = {
        "task": "benchmark",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": "test.jsonl", "dev": "dev.jsonl"}},
        "output_type": "multiple_choice",
        "test_split": "test",
        "fewshot_split": "dev",
        "num_fewshot": shots,
        "fewshot_config": {"sampler": "first_n"},
        "doc_to_text": "Question: {{question}}\nAnswer:",
        "doc_to_choice": "{{choices}}",
        "doc_to_target": "answer",
        "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
    }
    (folder / "task.yaml").write_text(yaml.safe_dump(task))
    return folder


def make_suite(folder: Path, count: int) -> Path:
    """suite.yaml of the one model, and a scoring.yaml for signal quality alone."""
    model = {"id": MODEL, "size": "1M", "architecture": "arch1", "mixture": "science", "source": MODEL}
    iterations = {"start": 1, "stop": count, "step": 1}
    suite = {
        "suite": "benchmark",
        "version": 1,
        "context_length": CONTEXT - 1,
        "tokens": {"sequence_length": 64, "global_batch_size": 8},
        "models": [{**model, "iterations": iterations}],
    }
    scoring = {"suite": "benchmark", "suite_version": 1, "early": {"iterations": iterations}, "signal_models": [MODEL]}
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite))
    (folder / "scoring.yaml").write_text(yaml.safe_dump(scoring))
    return folder / "suite.yaml"


def count_unique_tokens(submission: Path, checkpoint: Path) -> int:
    """Tokens that every engine has to compute, for one checkpoint."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(checkpoint)
    with open_submission(submission) as opened:
        return unique_tokens(
            encode([pair for item in build_items(opened) for pair in item.pairs], tokenizer, CONTEXT - 1)
        )


def run_ours(engine: str, submission: Path, suite: Path, folder: Path) -> Measurement:
    """`e2lm run` over all checkpoints in one process."""
    out = folder / f"ours-{engine}"
    command = [sys.executable, "-m", "e2lm", "run", str(submission), "--suite", str(suite), "--out", str(out)]
    usage = measure([*command, "--engine", engine], {"E2LM_CHECKPOINTS": str(folder / "checkpoints")})
    lines = [json.loads(line) for line in (out / "results/progress.jsonl").read_text().splitlines()[1:]]
    computed = sum(line["computed_tokens"] for line in lines)
    return Measurement(f"e2lm run, {engine}", *usage, computed, float(np.mean([line["score"] for line in lines])))


def run_peer(
    peer: str, submission: Path, checkpoints: list[Path], python: str, folder: Path, scale: float
) -> Measurement:
    """`lm_eval`, one process per checkpoint, on the same folder; the times are multiplied by `scale`."""
    totals, scores = np.zeros(2), []
    peak = 0.0
    for number, checkpoint in enumerate(checkpoints):
        out = folder / f"peer-{peer}-{number}"
        extra = ",enforce_eager=True,max_model_len=1024,gpu_memory_utilization=0.3" if peer == "vllm" else ""
        command = [python, "-m", "lm_eval", "--model", peer, "--tasks", "benchmark", "--include_path", str(submission)]
        arguments = f"pretrained={checkpoint},dtype=float32{extra}"
        command += ["--model_args", arguments, "--batch_size", "auto" if peer == "vllm" else "16"]
        seconds, cpu, megabytes = measure([*command, "--output_path", str(out)], {}, cwd=submission)
        totals += (scale * seconds, scale * cpu)
        peak = max(peak, megabytes)
        (written,) = out.rglob("results_*.json")
        scores.append(json.loads(written.read_text())["results"]["benchmark"]["acc,none"])
    return Measurement(f"lm_eval --model {peer}", *map(float, totals), peak, None, float(np.mean(scores)))


def measure(command: list[str], environment: dict[str, str], cwd: Path | None = None) -> tuple[float, float, float]:
    """Run a command; returns wall seconds, CPU seconds and peak memory in MB, child processes included."""
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "VLLM_LOGGING_LEVEL": "ERROR"}
    started = time.perf_counter()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, env={**os.environ, **offline, **environment}, cwd=cwd, stdout=log, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        if status:
            log.seek(0)
            sys.exit(f"{' '.join(command)} failed:\n{log.read().decode()[-3000:]}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def report(found: list[Measurement], unique: int, path: Path | None) -> None:
    """Print the table and, beside every peer, how much longer it takes than ours on the same kind of engine."""
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores; unique tokens {unique:,}")
    print(f"{'':24}{'wall s':>9}{'CPU s':>9}{'peak MB':>9}{'computed / unique':>19}{'accuracy':>10}")
    for one in found:
        ratio = f"{one.computed_tokens / unique:.2f}" if one.computed_tokens else "-"
        row = f"{one.name:24}{one.seconds:9.1f}{one.cpu_seconds:9.1f}{one.peak_megabytes:9.0f}"
        print(f"{row}{ratio:>19}{one.mean_accuracy:10.4f}")
    ratios = {}
    for ours, theirs in (("e2lm run, vllm", "lm_eval --model vllm"), ("e2lm run, transformers", "lm_eval --model hf")):
        pair = {one.name: one for one in found if one.name in {ours, theirs}}
        if len(pair) == 2:
            ratios[f"{theirs} / {ours}"] = pair[theirs].seconds / pair[ours].seconds
            print(f"{theirs} / {ours}: {ratios[f'{theirs} / {ours}']:.1f} x the wall time")
    if path is not None:
        figures = {"unique_tokens": unique, "measurements": [asdict(one) for one in found], "wall_ratios": ratios}
        path.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
