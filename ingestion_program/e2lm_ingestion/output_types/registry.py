"""What is asked of a model for each output type, and how its answers become a score per item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.output_types.choices import ChoiceItemSet
from e2lm_ingestion.output_types.generate_until import GenerationItemSet, Texts
from e2lm_ingestion.output_types.group import GroupItemSet
from e2lm_ingestion.output_types.items import Item, items_by_task
from e2lm_ingestion.output_types.protocol import ItemSet
from e2lm_ingestion.submission.submission import Submission
from e2lm_ingestion.task.task import Task


def item_set_of(submission: Submission) -> ItemSet:
    """Render the items and choose what to ask. Raises SubmissionError naming file and line."""
    return item_set_of_items(submission, items_by_task(submission))


def item_set_of_items(submission: Submission, items: Mapping[str, Sequence[Item]]) -> ItemSet:
    """The same for items that are rendered already, by the name of their task."""
    parts = [_item_set(task, items[task.task]) for task in submission.tasks.values()]
    return parts[0] if len(parts) == 1 else GroupItemSet(tuple(parts), submission.weight_by_size)


def _item_set(task: Task, items: Sequence[Item]) -> ChoiceItemSet | GenerationItemSet:
    if task.output_type == "generate_until":
        generation = GenerationItemSet(items, task)
        generation.arrays(Texts([""] * len(items), 0))  # a pattern that cannot be run is refused before a model is
        return generation
    choices = ChoiceItemSet(items, task)
    if any(metric.metric == "f1" for metric in task.metric_list) and {len(item.choices) for item in items} != {2}:
        raise SubmissionError("metric_list: f1 is of two choices, the second of which is sought; some items have more")
    choices.arrays(choices.guess())  # arithmetic that these items do not fit is refused before a model is asked
    return choices
