"""Summary of a valid submission: warnings, first items, and the cost of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from e2lm.submissions.checks import limit, tokens
from e2lm.submissions.checks.known_world import other_world, other_world_note
from e2lm_ingestion.checks import check_items, questions_in
from e2lm_ingestion.checks.questions import Question
from e2lm_ingestion.engines.requests import moved, refuse_too_many
from e2lm_ingestion.forecast import duration
from e2lm_ingestion.forecast.hardware import Machine
from e2lm_ingestion.forecast.volume import Volume, suite_tokenizer, volume_of_task
from e2lm_ingestion.output_types.protocol import Item
from e2lm_ingestion.output_types.registry import OUTPUT_TYPES
from e2lm_ingestion.submission.submission import Submission
from e2lm_ingestion.suite import Suite, checkpoints_root
from e2lm_ingestion.task.task import Task

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SHOWN_ITEMS = 2


def summarize(
    submission: Submission,
    tasks: Mapping[str, list[Item]],
    suite: Suite,
    machine_of: Callable[[Volume], Machine],
    limit_minutes: float | None,
    read_otherwise: Sequence[str] = (),
    *,
    suite_is_chosen: bool = False,
) -> dict[str, Any]:
    """The facts of `e2lm check` as plain values, ready for JSON.

    `machine_of` takes the volume of the task to the machine of the forecast; `limit_minutes` is the time that a
    submission may take, None without a limit. `read_otherwise` are fields that lm-evaluation-harness reads otherwise, a
    line each. Who chose a suite needs no note about the miniature suite, which is for those who have not.
    """
    task = submission.task
    items = [item for own in tasks.values() for item in own]
    tokenizer = suite_tokenizer(suite, checkpoints_root())
    volume = volume_of_task(submission.task, tasks, tokenizer, suite.context_length)
    refuse_too_many(volume.tokens)
    machine = machine_of(volume)
    questions = questions_in(tasks)
    checked = check_items(submission, tasks, questions)
    findings, measured = list(checked.findings), checked.statistics
    if not OUTPUT_TYPES[task.output_type].windows:
        findings += tokens.too_long(items, tokenizer, suite.context_length, volume.characters_per_token)
    if limit_minutes is not None:
        findings += limit.over_limit(suite, volume, _size(submission.task, questions, volume), machine, limit_minutes)
    elsewhere = other_world(questions, suite)
    findings += elsewhere
    counts = [len(item.choices) for item in items]
    return {
        "errors": [],
        "notes": [
            *_notes(submission),
            *(f"lm-evaluation-harness reads {line}" for line in read_otherwise[:10]),
            *([] if elsewhere or suite_is_chosen else other_world_note(questions)),
        ],
        "warnings": [{key: value for key, value in asdict(finding).items() if value != ()} for finding in findings],
        "task": submission.name,
        "tasks": {name: len(own) for name, own in tasks.items()},
        "sha256": submission.sha256,
        "items": len(items),
        "choices": {"min": min(counts), "max": max(counts)},
        "output_type": task.output_type,
        "chance": measured["guessers"]["chance"] if measured["guessers"] else 0.0,
        "num_fewshot": task.shots,
        "fewshot_split": task.examples_split,
        "metric": task.metric,
        **measured,
        "longest_prompt_characters": max(len(context) + len(text) for item in items for context, text in item.pairs),
        "first_items": [_shown(item, tokenizer) for item in items[:SHOWN_ITEMS]],
        "forecast": {"items": len(items), **_forecast(suite, volume, machine), "limit_minutes": limit_minutes},
    }


def _forecast(suite: Suite, volume: Volume, machine: Machine) -> dict[str, Any]:
    """The minutes of a run on every checkpoint of the suite, and what they are computed from."""
    return {
        "suite": suite.suite,
        **asdict(volume),
        "checkpoints": duration.checkpoints(suite),
        "gpu": machine.kind,
        "gpus": machine.devices,
        "machine": machine.label,
        "figures": machine.source,
        "minutes": duration.minutes(suite, volume, machine),
    }


def _notes(submission: Submission) -> list[str]:
    """What is read otherwise than it may be meant, and needs no change."""
    notes = []
    if submission.without_effect:
        notes.append(f"kept without effect on the scores: {', '.join(submission.without_effect)}")
    if submission.left_out:
        notes.append(f"left out, as no data: {', '.join(submission.left_out)}")
    return notes


def _size(task: Task, questions: Sequence[Question], volume: Volume) -> limit.Size:
    """What of the task can be made smaller, should it not fit the time limit."""
    examples = limit.example_tokens(questions, volume) if task.shots else (0, 0)
    written = task.generation.max_gen_toks if volume.written_tokens else 0
    return limit.Size(len(questions), task.shots, *examples, written)


def _shown(item: Item, tokenizer: PreTrainedTokenizerBase | None) -> dict[str, Any]:
    """An item's texts and, with a tokenizer, the tokens of each (context and continuation encoded together)."""
    shown: dict[str, Any] = {
        "contexts": list(item.contexts),
        "continuations": list(item.continuations),
        "gold": list(item.gold),
    }
    if tokenizer is not None:
        shown["context_tokens"] = [tokens.pieces(moved(context, "")[0], tokenizer) for context in item.contexts]
        shown["continuation_tokens"] = [tokens.continuation_pieces(*moved(*pair), tokenizer) for pair in item.pairs]
    return shown
