"""Quality warnings for valid tasks, computed from the texts of their items without a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from e2lm_ingestion.checks import answers, clusters, guessers, influence, metric, repetition, wording
from e2lm_ingestion.checks.questions import Finding, Question, questions_of
from e2lm_ingestion.output_types.item_sets import item_set_of_items
from e2lm_ingestion.output_types.protocol import Item, ItemSet
from e2lm_ingestion.output_types.registry import OUTPUT_TYPES
from e2lm_ingestion.submission.submission import Submission


def questions_in(tasks: Mapping[str, Sequence[Item]]) -> list[Question]:
    """All items of a submission as the checks see them; `tasks` has the items of each task by the task's name."""
    questions: list[Question] = []
    for items in tasks.values():
        questions += questions_of(items, len(questions))
    return questions


def findings_of(
    submission: Submission, tasks: Mapping[str, Sequence[Item]], item_set: ItemSet | None = None
) -> tuple[list[Finding], dict[str, Any]]:
    """All findings, and the statistics behind them by name (None for tasks without choices).

    `tasks` has the items of each task of the submission by the task's name, `item_set` what is asked of them. Raises
    SubmissionError for a metric that cannot score any answer.
    """
    item_set = item_set or item_set_of_items(submission, tasks)
    questions = questions_in(tasks)
    worded: list[Finding] = []
    first = 0
    for task, items in zip(submission.tasks.values(), tasks.values(), strict=True):
        worded += wording.wording(task, items, first)
        first += len(items)
    repeated = [
        *dict.fromkeys(worded),
        *repetition.duplicate_items(questions),
        *repetition.answered_by_an_example(questions),
        *clusters.clusters_of(questions)[1],
        *metric.label_findings(submission.task),
        *influence.influence_findings(item_set),
    ]
    if not OUTPUT_TYPES[submission.task.output_type].has_choices:
        return repeated, {"guessers": None, "answer_positions": None, "stated_in_prompt": None}
    stated, rates = answers.stated_answers(questions)
    favored, positions = answers.favored_position(questions)
    guessed, scores = guessers.guessers(questions)
    found = [*answers.identical_choices(questions), *repeated, *stated, *favored, *guessed]
    return found, {"guessers": scores, "answer_positions": positions, "stated_in_prompt": rates}
