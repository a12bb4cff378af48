"""How long `e2lm signal` takes to read results, and how much memory: generated output of lm_eval.

usage: python benchmarks/many_results.py [--files 1000] [--subjects 57] [--checkpoints 100] [--items 15000]

First FILES results files of a group of SUBJECTS subtasks, then CHECKPOINTS results with samples of ITEMS items, 5-shot
prompts of a thousand characters in each of four choices. Prints the seconds and the greatest resident memory of each.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CHOICES = 4
PROMPT = "Question: which of these is the answer to a question about science?\nAnswer: the fourth\n\n" * 12


def main() -> None:
    """Generate, read, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--subjects", type=int, default=57)
    parser.add_argument("--checkpoints", type=int, default=100)
    parser.add_argument("--items", type=int, default=15_000)
    parser.add_argument("--keep", type=Path, help="folder for the generated files (default: a temporary one)")
    args = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="e2lm-signal-")) if args.keep is None else args.keep
    try:
        write_results(root / "results", args.files, args.subjects)
        report(f"{args.files:,} results files of {args.subjects} subtasks", root / "results")
        write_samples(root / "samples", args.checkpoints, args.items)
        report(f"samples of {args.checkpoints} checkpoints x {args.items:,} items", root / "samples")
    finally:
        if args.keep is None:
            shutil.rmtree(root)


def write_results(folder: Path, files: int, subjects: int) -> None:
    """One file a checkpoint: a group of subtasks with two metrics each, and their configurations."""
    rng = random.Random(0)
    tasks = [f"mmlu_{number:02}" for number in range(subjects)]
    for number in range(1, files + 1):
        results = {task: _scores(0.25 + 0.2 * number / files, rng) for task in ["mmlu", *tasks]}
        _write(folder, number, results, {"mmlu": tasks} | {task: [] for task in tasks}, items=200)


def write_samples(folder: Path, checkpoints: int, items: int) -> None:
    """One results file and one samples file a checkpoint."""
    rng = random.Random(0)
    for number in range(1, checkpoints + 1):
        path = folder / "org__model" / f"samples_arc_{_date(number)}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        right = 0
        with path.open("w", encoding="utf-8") as file:
            for item in range(items):
                likely = [
                    rng.gauss(0.0, 1.0) + (number / checkpoints if choice == item % 4 else 0) for choice in range(4)
                ]
                correct = float(max(range(4), key=likely.__getitem__) == item % 4)
                right += int(correct)
                file.write(_sample(item, likely, correct) + "\n")
        _write(folder, number, {"arc": {"alias": "arc", "acc,none": right / items}}, {"arc": []}, items=items)


def report(title: str, folder: Path) -> None:
    """Read a folder with the command, and print what it took."""
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    command = [sys.executable, "-m", "e2lm", "signal", str(folder), "--json", str(folder / "signal.json")]
    begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    computed = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    memory = after.ru_maxrss / 1e6
    print(
        f"{title} ({size / 1e9:.2f} GB): {seconds:.1f} s, {computed:.1f} s of them computing, {memory:.2f} GB of memory"
    )


def _scores(level: float, rng: random.Random) -> dict[str, object]:
    values = {"acc,none": level + rng.gauss(0, 0.02), "acc_norm,none": level + rng.gauss(0, 0.02)}
    return {"alias": "x", **values, "acc_stderr,none": 0.02, "acc_norm_stderr,none": 0.02}


def _write(folder: Path, number: int, results: dict[str, dict[str, object]], subtasks: object, items: int) -> None:
    tasks = list(results)
    content = {
        "results": results,
        "group_subtasks": subtasks,
        "configs": {task: {"task": task, "doc_to_text": PROMPT, "description": PROMPT} for task in tasks},
        "versions": dict.fromkeys(tasks, 1.0),
        "n-shot": dict.fromkeys(tasks, 5),
        "higher_is_better": {task: {"acc": True, "acc_norm": True} for task in tasks},
        "n-samples": {task: {"original": items, "effective": items} for task in tasks if task != "mmlu"},
        "config": {"model": "hf", "model_args": f"pretrained=org/model,revision=step{1000 * number}", "limit": None},
        "date": 1.7e9 + number,
        "pretty_env_info": PROMPT,
        "lm_eval_version": "0.4.9",
    }
    path = folder / "org__model" / f"results_{_date(number)}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")


def _sample(item: int, likely: list[float], correct: float) -> str:
    question = f"question {item} of the test?"
    choices = [f"choice {choice} of {item}" for choice in range(CHOICES)]
    line = {
        "doc_id": item,
        "doc": {"question": question, "choices": choices, "answer": item % 4},
        "target": str(item % 4),
        "arguments": {
            f"gen_args_{at}": {"arg_0": PROMPT + question, "arg_1": f" {choice}"} for at, choice in enumerate(choices)
        },
        "resps": [[[str(value), "False"]] for value in likely],
        "filtered_resps": [[str(value), "False"] for value in likely],
        "filter": "none",
        "metrics": ["acc"],
        "doc_hash": f"{item:064x}",
        "prompt_hash": f"{item:064x}",
        "target_hash": f"{item % 4:064x}",
        "acc": correct,
    }
    return json.dumps(line)


def _date(number: int) -> str:
    return f"2025-07-27T{number // 3600:02}-{number // 60 % 60:02}-{number % 60:02}.000000"


if __name__ == "__main__":
    main()
