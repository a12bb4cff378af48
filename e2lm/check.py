"""Check a submission: what is wrong, what may be, the first items as the model reads them, and what a run costs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from e2lm.catalog import find_suite
from e2lm.checks import answers, forecast, guessers, repetition, tokens
from e2lm.checks.questions import Finding, questions_of
from e2lm.checks.terminal import text_of
from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.prompts import Item, build_generation_items, build_items
from e2lm_ingestion.submission import Submission, open_submission
from e2lm_ingestion.suite import Suite, checkpoints_root, load_suite

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SHOWN_ITEMS = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `e2lm check`."""
    parser.add_argument("submission", type=Path, help="a submission's folder or zip")
    parser.add_argument(
        "--suite",
        default="e2lm-2025-full",
        help="suite for tokens and forecast: a name or suite.yaml (default: e2lm-2025-full)",
    )
    parser.add_argument(
        "--gpu", choices=list(forecast.GPUS), default="A100", help="GPU of the forecast (default: A100)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(args: argparse.Namespace) -> int:
    """Check everything that can be checked without a model. Raises SubmissionError for the first thing wrong."""
    suite = load_suite(find_suite(args.suite).suite)
    try:
        with open_submission(args.submission) as submission:
            summary = summarize(submission, _items(submission), suite, args.gpu)
    except SubmissionError as error:
        if args.json:
            print(json.dumps({"errors": [str(error)]}, indent=1))
        raise
    print(json.dumps(summary, indent=1) if args.json else text_of(summary, args.submission))
    return 0


def _items(submission: Submission) -> list[Item]:
    """The items; where the model writes the answer, the right one stands for what it writes."""
    task = submission.task
    if task.output_type == "multiple_choice":
        return build_items(submission)
    return [
        Item(item.context, (task.target_delimiter + item.reference,), (item.reference,), 0)
        for item in build_generation_items(submission)
    ]


def summarize(submission: Submission, items: Sequence[Item], suite: Suite, gpu: str) -> dict[str, Any]:
    """What a participant wants to see before a run: plain values, ready for JSON."""
    task = submission.task
    tokenizer = tokens.suite_tokenizer(suite, checkpoints_root())
    volume = tokens.volume(items, tokenizer, suite.context_length)
    findings, measured = _findings(submission, items)
    findings += tokens.too_long(items, tokenizer, suite.context_length, volume.characters_per_token)
    counts = [len(item.choices) for item in items]
    return {
        "errors": [],
        "warnings": [{key: value for key, value in asdict(finding).items() if value != ()} for finding in findings],
        "task": submission.name,
        "sha256": submission.sha256,
        "items": len(items),
        "choices": {"min": min(counts), "max": max(counts)},
        "output_type": task.output_type,
        "chance": measured["guessers"]["chance"] if measured["guessers"] else 0.0,
        "num_fewshot": task.shots,
        "fewshot_split": task.fewshot_split,
        "metric": task.metric,
        **measured,
        "longest_prompt_characters": max(len(item.context) + max(map(len, item.continuations)) for item in items),
        "first_items": [_shown(item, tokenizer) for item in items[:SHOWN_ITEMS]],
        "forecast": {
            "suite": suite.suite,
            "items": len(items),
            **asdict(volume),
            "checkpoints": forecast.checkpoints(suite),
            "gpu": gpu,
            "minutes": forecast.minutes(suite, volume.unique_tokens, gpu),
            "assumption": forecast.ASSUMPTION,
        },
    }


def _findings(submission: Submission, items: Sequence[Item]) -> tuple[list[Finding], dict[str, Any]]:
    """What the items' texts show, and the numbers behind it."""
    questions = questions_of(items, submission.task.fewshot_delimiter, submission.task.shots)
    repeated = [*repetition.duplicate_items(questions), *repetition.answered_by_an_example(questions)]
    if submission.task.output_type == "generate_until":
        return repeated, {"guessers": None, "answer_positions": None, "stated_in_prompt": None}
    stated, rates = answers.stated_answers(questions)
    favored, positions = answers.favored_position(questions)
    guessed, scores = guessers.guessers(questions)
    findings = [
        *answers.identical_choices(questions),
        *repeated,
        *stated,
        *favored,
        *guessed,
    ]
    return findings, {"guessers": scores, "answer_positions": positions, "stated_in_prompt": rates}


def _shown(item: Item, tokenizer: PreTrainedTokenizerBase | None) -> dict[str, Any]:
    """An item's texts and, with a tokenizer, the pieces that each becomes (context and continuation together)."""
    shown: dict[str, Any] = {"context": item.context, "continuations": list(item.continuations), "gold": item.gold}
    if tokenizer is not None:
        context = item.context.rstrip()
        moved = item.context[len(context) :]
        shown["context_tokens"] = tokens.pieces(context, tokenizer)
        shown["continuation_tokens"] = [
            tokens.continuation_pieces(context, moved + continuation, tokenizer) for continuation in item.continuations
        ]
    return shown
