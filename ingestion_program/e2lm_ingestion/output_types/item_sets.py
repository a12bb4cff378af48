"""Submission -> ItemSet: what a sweep evaluates on each model, for a task or a group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from e2lm_ingestion.output_types.group import GroupItemSet
from e2lm_ingestion.output_types.items import items_by_task
from e2lm_ingestion.output_types.protocol import Item, ItemSet
from e2lm_ingestion.output_types.registry import OUTPUT_TYPES
from e2lm_ingestion.submission.submission import Submission


def item_set_of(submission: Submission) -> ItemSet:
    """Render the items and choose what to ask. Raises SubmissionError naming file and line."""
    return item_set_of_items(submission, items_by_task(submission))


def item_set_of_items(submission: Submission, items: Mapping[str, Sequence[Item]]) -> ItemSet:
    """The same for items that are rendered already, by the name of their task."""
    parts = [OUTPUT_TYPES[task.output_type].item_set(task, items[task.task]) for task in submission.tasks.values()]
    return parts[0] if len(parts) == 1 else GroupItemSet(tuple(parts), submission.weight_by_size)
