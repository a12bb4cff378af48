"""Quality warnings for valid tasks, computed from the texts of their items without a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from e2lm_ingestion.checks import answers, guessers, repetition, wording
from e2lm_ingestion.checks.questions import Finding, Question, questions_of
from e2lm_ingestion.output_types.protocol import Item
from e2lm_ingestion.output_types.registry import OUTPUT_TYPES
from e2lm_ingestion.submission.submission import Submission


def findings_of(submission: Submission, tasks: Mapping[str, Sequence[Item]]) -> tuple[list[Finding], dict[str, Any]]:
    """All findings, and the statistics behind them by name (None for tasks without choices).

    `tasks` has the items of each task of the submission by the task's name.
    """
    questions: list[Question] = []
    worded: list[Finding] = []
    for task, items in zip(submission.tasks.values(), tasks.values(), strict=True):
        worded += wording.wording(task, items, len(questions))
        questions += questions_of(items, task.fewshot_delimiter, task.shots, len(questions))
    repeated = [
        *dict.fromkeys(worded),
        *repetition.duplicate_items(questions),
        *repetition.answered_by_an_example(questions),
    ]
    if not OUTPUT_TYPES[submission.task.output_type].has_choices:
        return repeated, {"guessers": None, "answer_positions": None, "stated_in_prompt": None}
    stated, rates = answers.stated_answers(questions)
    favored, positions = answers.favored_position(questions)
    guessed, scores = guessers.guessers(questions)
    found = [*answers.identical_choices(questions), *repeated, *stated, *favored, *guessed]
    return found, {"guessers": scores, "answer_positions": positions, "stated_in_prompt": rates}
