"""Quality warnings for valid tasks, computed from the texts of their items without a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

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


@dataclass(frozen=True, slots=True)
class Checked:
    """What the checks say of a submission."""

    findings: list[Finding]
    statistics: dict[str, Any]  # behind the findings, by name; None for tasks without choices
    clusters: np.ndarray  # (items,) int64: which items share something
    unguessed: np.ndarray | None  # (items,) bool: what cannot be guessed without the question; None without choices

    @property
    def item_arrays(self) -> dict[str, np.ndarray]:
        """What scoring needs of it, for items.npz."""
        found = {"clusters": self.clusters}
        return found if self.unguessed is None else {**found, "unguessed": self.unguessed}


def check_items(
    submission: Submission,
    tasks: Mapping[str, Sequence[Item]],
    questions: Sequence[Question],
    item_set: ItemSet | None = None,
) -> Checked:
    """All findings about a submission's items.

    `tasks` has the items of each task of the submission by the task's name, `questions` is `questions_in` of them,
    `item_set` what is asked of them. Raises SubmissionError for a metric that cannot score any answer.
    """
    item_set = item_set or item_set_of_items(submission, tasks)
    worded: list[Finding] = []
    first = 0
    for task, items in zip(submission.tasks.values(), tasks.values(), strict=True):
        worded += wording.wording(task, items, first)
        first += len(items)
    shared, sharing = clusters.clusters_of(questions)
    found = [
        *dict.fromkeys(worded),
        *repetition.duplicate_items(questions),
        *repetition.answered_by_an_example(questions),
        *sharing,
        *metric.label_findings(submission.task),
        *influence.influence_findings(item_set),
    ]
    output_type = OUTPUT_TYPES[submission.task.output_type]
    statistics: dict[str, Any] = dict.fromkeys(("guessers", "answer_positions", "stated_in_prompt"))
    unguessed = None
    if output_type.has_choices or output_type.writes:
        stated, statistics["stated_in_prompt"] = answers.stated_answers(questions)
        found += [*stated, *answers.told_before_the_question(questions)]
        filters = [step for task in submission.tasks.values() for step in task.filters]
        found += answers.interchangeable_answers(questions, filters)
    if output_type.has_choices:
        favored, statistics["answer_positions"] = answers.favored_position(questions)
        guessed, statistics["guessers"], unguessed = guessers.guessers(questions)
        found = [*answers.identical_choices(questions), *found, *favored, *guessed]
    return Checked(found, statistics, shared, unguessed)
