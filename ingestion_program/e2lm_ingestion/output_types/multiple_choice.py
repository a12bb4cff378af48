"""multiple_choice: given choices, each scored after the question; or one answer, scored after each choice's text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.metrics.corpus import OF_LABELS
from e2lm_ingestion.output_types.choices import (
    ChoiceItemSet,
    after_the_context,
    chance_of_choices,
    check_classes,
    choice_item_set,
    rescored_choices,
)
from e2lm_ingestion.output_types.protocol import Item, OutputType, Wording, as_it_is
from e2lm_ingestion.output_types.questions import (
    Document,
    Question,
    checked_choices,
    choice_question,
    open_question,
)
from e2lm_ingestion.task.task import Task


def _question(document: Document) -> Question:
    if document.choices is None:  # an example whose target is the text of the answer
        return open_question(document)
    return _several_contexts(document) if isinstance(document.text, int) else choice_question(document)


def _several_contexts(document: Document) -> Question:
    """A question whose choices stand in the context and whose continuation is the same for all."""
    right, target, location = document.text, document.target, document.location
    choices = checked_choices(document)
    if not 0 <= right < len(choices):
        raise SubmissionError(
            f"{location}: doc_to_text is {right}, the number of the right choice, but there are {len(choices)} choices "
            f"(0 to {len(choices) - 1})"
        )
    if isinstance(target, bool) or not isinstance(target, (str, int, float)) or not str(target):
        raise SubmissionError(
            f"{location}: doc_to_target is {repr(target)[:60]}; where doc_to_text is the number of the right choice, "
            "it is the text that follows every choice"
        )
    return Question(choices[right], choices, choices, (right,), str(target))


def _item_set(task: Task, items: Sequence[Item]) -> ChoiceItemSet:
    for metric in task.metric_list:
        check_classes(metric, np.asarray([len(item.choices) for item in items]))
        if metric.metric in OF_LABELS and any(len(item.gold) > 1 for item in items):
            raise SubmissionError(f"metric_list: {metric.metric} is of one right choice; some items have several")
    return choice_item_set(task, items)


MULTIPLE_CHOICE = OutputType(
    name="multiple_choice",
    wording=Wording("{choices} choices each", "and the continuations that are scored after it:"),
    question=_question,
    join=after_the_context,
    item_set=_item_set,
    rescored=rescored_choices,
    chance=chance_of_choices,
    requested=as_it_is,
    has_choices=True,
)
