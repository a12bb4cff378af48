"""Warnings for tasks that are accepted and surely not meant so."""

from __future__ import annotations

from typing import Any

import pytest

from e2lm_ingestion.checks import check_items, questions_in
from e2lm_ingestion.output_types.items import items_by_task
from e2lm_ingestion.submission.submission import open_submission
from tests.ingestion.submissions import MakeSubmission, document

WORDS = ["amber", "birch", "cedar", "delta"]


def worded(i: int) -> dict[str, Any]:
    """A question whose choices are no digits."""
    return {"question": f"Which word is number {i}?", "choices": [f"{word}{i}" for word in WORDS], "answer": i % 4}


def kinds(make: MakeSubmission, task: dict[str, Any], test: list[dict[str, Any]] | None = None) -> set[str]:
    """The kinds of all findings."""
    with open_submission(make(task, test=[worded(i) for i in range(100)] if test is None else test)) as submission:
        rendered = items_by_task(submission)
        found = check_items(submission, rendered, questions_in(rendered)).findings
    assert all(finding.message.isprintable() for finding in found if finding.kind != "control_character")
    return {finding.kind for finding in found}


OF_WORDING = {
    "single_braces",
    "template_in_list",
    "control_character",
    "same_items",
    "same_target",
    "same_prompt",
    "digit_is_a_choice",
    "letters_and_digits",
    "answer_after_two",
    "answer_after_none",
    "answer_after_line",
    "space_before_generation",
}
GENERATE = {"output_type": "generate_until", "doc_to_choice": None, "metric_list": [{"metric": "exact_match"}]}
STRIPPED = {"filter_list": [{"name": "words", "filter": [{"function": "remove_whitespace"}]}]}


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ({}, set()),
        ({"doc_to_text": "Q: {question}\nA:"}, {"single_braces", "same_prompt"}),
        ({"doc_to_text": "Solve \\frac{x}{2}: {{question}}"}, set()),
        ({"doc_to_choice": ["{{choices[0]}}", "no", "b", "c"], "doc_to_target": 1}, {"template_in_list"}),
        ({"doc_to_text": "In $\x08oxed{}$: {{question}}"}, {"control_character"}),
        ({"doc_to_text": "In $\tau$: {{question}}"}, {"control_character"}),
        ({"doc_to_text": "a\tB {{question}}"}, set()),
        ({"doc_to_text": "Answer{{':'}}"}, {"same_prompt"}),
        ({"doc_to_text": "Question"}, {"same_prompt"}),  # what YAML leaves of: Question # {{question}}
        ({"doc_to_text": ""}, set()),
        ({"doc_to_text": "{{question}} "}, {"answer_after_two"}),
        ({"doc_to_text": "{{question}}\n"}, {"answer_after_line"}),
        ({"doc_to_text": "{{question}}\n", "target_delimiter": ""}, set()),
        ({"target_delimiter": ""}, {"answer_after_none"}),
        ({"doc_to_text": "{{question}} ", "target_delimiter": ""}, set()),
        ({**GENERATE, "doc_to_target": "{{choices[0]}}"}, {"space_before_generation"}),
        ({**GENERATE, **STRIPPED, "doc_to_target": "{{choices[0]}}"}, set()),
        ({**GENERATE, **STRIPPED, "doc_to_target": "answr"}, {"same_target"}),
        ({**GENERATE, "doc_to_target": "{{' ' ~ choices[0]}}"}, set()),
    ],
)
def test_what_is_surely_not_meant_is_named(
    make_submission: MakeSubmission, task: dict[str, Any], expected: set[str]
) -> None:
    assert kinds(make_submission, task) & OF_WORDING == expected


def test_a_printed_digit_that_is_a_choice_is_named(make_submission: MakeSubmission) -> None:
    rows = [{**document(i), "choices": ["3", "1", "0", "2"], "answer": str(i % 4)} for i in range(100)]
    assert "digit_is_a_choice" in kinds(make_submission, {"doc_to_target": "{{answer}}"}, rows)


def test_the_field_itself_is_the_text(make_submission: MakeSubmission) -> None:
    rows = [{**document(i), "choices": ["3", "1", "0", "2"], "answer": str(i % 4)} for i in range(100)]
    assert not kinds(make_submission, {}, rows) & {"digit_is_a_choice", "letters_and_digits"}


def test_letters_beside_digits_are_named(make_submission: MakeSubmission) -> None:
    rows = [{**worded(i), "answer": "ABCD"[i % 4] if i % 2 else str(i % 4)} for i in range(100)]
    assert "letters_and_digits" in kinds(make_submission, {"doc_to_target": "{{answer}}"}, rows)
