"""Items that stand twice, and items that the examples of the prompt already answer."""

from __future__ import annotations

from collections.abc import Sequence

from e2lm_ingestion.checks.questions import Finding, Question, normalized, some

_SHORTEST = 12  # characters; below it a question such as "Answer:" stands in every example


def duplicate_items(questions: Sequence[Question]) -> list[Finding]:
    """Items with the text and choices of an earlier one, case, spacing and order of the choices aside."""
    seen: set[int] = set()
    found = []
    for question in questions:
        key = hash((normalized(question.text), tuple(sorted(map(normalized, question.choices)))))
        if key in seen:
            found.append(question.item)
        seen.add(key)
    if not found:
        return []
    return [
        Finding(
            "duplicate_items",
            f"{len(found):,} items repeat an earlier one (items {some(found)}): they count twice and make the score "
            "look surer than it is; keep one of each",
            tuple(found[:10]),
        )
    ]


def answered_by_an_example(questions: Sequence[Question]) -> list[Finding]:
    """Items whose own text stands among the examples before it."""
    found = []
    for question in questions:
        asked = question.text.strip()
        if len(asked) >= _SHORTEST and asked in question.head:
            found.append(question.item)
    if not found or len(found) == len(questions):  # all: what was taken for the question is the template's own text
        return []
    return [
        Finding(
            "fewshot_overlap",
            f"{len(found):,} items are asked and answered among their own examples (items {some(found)}): take the "
            "examples from other documents",
            tuple(found[:10]),
        )
    ]
