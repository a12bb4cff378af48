"""Seconds by phase and peak memory of a task as large as the rules allow, on one checkpoint of a tiny Llama.

usage: python benchmarks/largest.py [--items 3750,7500,15000] [--engine vllm|transformers] [--json FILE]

The task is a group of 57 subjects, each with its own description and five examples, and four choices a question. Every
size runs in a process of its own. A phase that grows faster than linearly shows in the last column: the exponent of its
seconds between the smallest and the largest size. Phases up to planning happen once per engine group, the rest once per
checkpoint.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import yaml
from sweep import CONTEXT, WORDS, make_checkpoints
from transformers import PreTrainedTokenizerFast

from e2lm_ingestion.checks import check_items, questions_in
from e2lm_ingestion.engines import make_engine
from e2lm_ingestion.output_types.item_sets import item_set_of_items
from e2lm_ingestion.output_types.items import items_by_task
from e2lm_ingestion.results.folder import npz, write_atomically
from e2lm_ingestion.submission.submission import open_submission
from e2lm_ingestion.suite import Checkpoint

SUBJECTS = 57
SHOTS = 5


def main() -> None:
    """Measure every size in a process of its own and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--items", default="3750,7500,15000", help="sizes, separated by commas")
    parser.add_argument("--engine", default="vllm", choices=("vllm", "transformers"))
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one is not None:
        print(json.dumps(measure(args.one, args.engine)))
        return
    figures = {}
    for size in map(int, args.items.split(",")):
        command = [sys.executable, __file__, "--one", str(size), "--engine", args.engine]
        environment = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ}
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
        figures[size] = json.loads(done.stdout.splitlines()[-1])
    report(figures)
    if args.json is not None:
        args.json.write_text(json.dumps(figures, indent=1) + "\n")


def measure(count: int, engine_name: str) -> dict[str, float]:
    """Seconds by phase, and `peak MB` of this process and of the one that renders."""
    seconds: dict[str, float] = {}

    @contextmanager
    def phase(name: str) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        seconds[name] = time.perf_counter() - begun

    with tempfile.TemporaryDirectory(prefix="e2lm-benchmark-") as name:
        folder = Path(name)
        (path,) = make_checkpoints(folder, 1)
        checkpoint = Checkpoint("tiny", 1, 1, path)
        make_group(folder / "largest", count)
        with phase("starting"):
            engine = make_engine(engine_name, "float32", CONTEXT - 1)
            engine.load(checkpoint)
        with phase("reading"):
            opened = open_submission(folder / "largest")
        with opened as submission:
            with phase("rendering"):
                rendered = items_by_task(submission)
                item_set = item_set_of_items(submission, rendered)
            with phase("checking"):
                check_items(submission, rendered, questions_in(rendered))
        with phase("encoding"):
            encoded = item_set.encode(PreTrainedTokenizerFast.from_pretrained(path), CONTEXT - 1)
        if engine_name == "vllm":
            with phase("planning"):
                engine._plan(encoded.requests)  # type: ignore[attr-defined]  # VllmEngine
        with phase("asking"):
            answers = item_set.score(engine, encoded)
        with phase("writing"):
            write_atomically(folder / "items.npz", npz(item_set.item_arrays()))
            write_atomically(folder / "scores.npz", npz(item_set.arrays(answers)))
        engine.close()
    for whose, usage in (("peak MB", resource.RUSAGE_SELF), ("peak MB, rendering", resource.RUSAGE_CHILDREN)):
        seconds[whose] = resource.getrusage(usage).ru_maxrss / 1024
    return seconds


def make_group(folder: Path, count: int) -> None:
    """A group of tasks, one a subject, with `count` items together."""
    rng = np.random.default_rng(0)
    folder.mkdir()

    def documents(number: int) -> str:
        questions = (" ".join(rng.choice(WORDS, int(rng.integers(84, 116)))) for _ in range(number))
        return "".join(
            json.dumps({"question": text, "choices": [" ".join(rng.choice(WORDS, 3)) for _ in range(4)], "answer": 0})
            + "\n"
            for text in questions
        )

    names = [f"subject_{number}" for number in range(SUBJECTS)]
    for number, subject in enumerate(names):
        own = (count * (number + 1)) // SUBJECTS - (count * number) // SUBJECTS
        (folder / f"{subject}.jsonl").write_text(documents(own))
        (folder / f"{subject}_dev.jsonl").write_text(documents(SHOTS))
        task = {
            "task": subject,
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": {"test": f"{subject}.jsonl", "dev": f"{subject}_dev.jsonl"}},
            "output_type": "multiple_choice",
            "test_split": "test",
            "fewshot_split": "dev",
            "num_fewshot": SHOTS,
            "fewshot_config": {"sampler": "first_n"},
            "description": f"{WORDS[number]} : ",
            "doc_to_text": "Question: {{question}}\nAnswer:",
            "doc_to_choice": "{{choices}}",
            "doc_to_target": "answer",
            "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
        }
        (folder / f"{subject}.yaml").write_text(yaml.safe_dump(task))
    group = {"group": "largest", "task": names, "aggregate_metric_list": [{"metric": "acc", "weight_by_size": True}]}
    (folder / "task.yaml").write_text(yaml.safe_dump(group))


def report(figures: dict[int, dict[str, float]]) -> None:
    """A row for each phase, a column for each size, and the exponent of growth."""
    sizes = sorted(figures)
    print(f"{'seconds':22}" + "".join(f"{f'{size:,} items':>14}" for size in sizes) + f"{'exponent':>12}")
    for name in figures[sizes[0]]:
        values = [figures[size][name] for size in sizes]
        growth = math.log(values[-1] / values[0]) / math.log(sizes[-1] / sizes[0]) if len(sizes) > 1 else math.nan
        print(f"{name:22}" + "".join(f"{value:14.2f}" for value in values) + f"{growth:12.2f}")


if __name__ == "__main__":
    main()
