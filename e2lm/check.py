"""Check a submission and show the first item as the model reads it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from e2lm_ingestion.prompts import Item, build_items
from e2lm_ingestion.submission import Submission, open_submission

SHOWN_CHARACTERS = 8_000  # of a context; the middle of a longer one is left out


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `e2lm check`."""
    parser.add_argument("submission", type=Path, help="a submission's folder or zip")
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(args: argparse.Namespace) -> int:
    """Check everything that can be checked without a model. Raises SubmissionError for the first thing wrong."""
    with open_submission(args.submission) as submission:
        items = build_items(submission)
        summary = summarize(submission, items)
    print(json.dumps(summary, indent=1) if args.json else _text(summary, args.submission))
    return 0


def summarize(submission: Submission, items: Sequence[Item]) -> dict[str, Any]:
    """What a participant wants to see before a run: plain values, ready for JSON."""
    task, first = submission.task, items[0]
    counts = [len(item.choices) for item in items]
    return {
        "task": submission.name,
        "sha256": submission.sha256,
        "items": len(items),
        "choices": {"min": min(counts), "max": max(counts)},
        "chance": sum(1 / count for count in counts) / len(counts),
        "num_fewshot": task.shots,
        "fewshot_split": task.fewshot_split,
        "metric": task.metric,
        "longest_prompt_characters": max(len(item.context) + max(map(len, item.continuations)) for item in items),
        "first_item": {"context": first.context, "continuations": list(first.continuations), "gold": first.gold},
    }


def _text(summary: dict[str, Any], path: Path) -> str:
    choices, shots, first = summary["choices"], summary["num_fewshot"], summary["first_item"]
    span = str(choices["min"]) if choices["min"] == choices["max"] else f"{choices['min']} to {choices['max']}"
    examples = f"{shots}, the first of {_printable(summary['fewshot_split'])}" if shots else "none"
    lines = [
        f"task       {summary['task']}",
        f"items      {summary['items']:,}, {span} choices each; guessing scores {summary['chance']:.3f}",
        f"examples   {examples}",
        f"metric     {summary['metric']}",
        f"longest    {summary['longest_prompt_characters']:,} characters (context and answer)",
        "",
        "The first item as the model reads it:",
        "",
        *(f"  | {_printable(line)}" for line in _shortened(first["context"]).split("\n")),
        "",
        "and the continuations that are scored after it:",
        "",
    ]
    for i, continuation in enumerate(first["continuations"]):
        mark = "right" if i == first["gold"] else "     "
        lines.append(f"  {mark} | {_printable(_shortened(continuation))}")
    lines += ["", f"next: e2lm run {path} --suite miniature --out build/{summary['task']}"]
    return "\n".join(lines)


def _shortened(text: str) -> str:
    if len(text) <= SHOWN_CHARACTERS:
        return text
    half = SHOWN_CHARACTERS // 2
    return f"{text[:half]}\n[... {len(text) - 2 * half:,} characters ...]\n{text[-half:]}"


def _printable(text: str) -> str:
    """A stranger's text for a terminal: line breaks show, control sequences stay harmless."""
    return "".join(c if c.isprintable() else "⏎" if c == "\n" else ascii(c)[1:-1] for c in text)
