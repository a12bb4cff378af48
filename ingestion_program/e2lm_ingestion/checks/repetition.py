"""Finds duplicate items and items that the few-shot examples already answer."""

from __future__ import annotations

from collections.abc import Sequence

from e2lm_ingestion.checks.questions import Finding, Question, normalized, some

BLOCKING = 0.02  # share of items that their own examples answer
_SHORTEST = 12  # characters; a shorter question such as "Answer:" is in every example


def duplicate_items(questions: Sequence[Question]) -> list[Finding]:
    """Items with the same text and choices as an earlier one, ignoring case, spacing and the order of choices."""
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
            "look more certain than it is; keep one of each",
            tuple(found[:10]),
        )
    ]


def answered_by_an_example(questions: Sequence[Question]) -> list[Finding]:
    """Items whose own text is among the examples before it, ignoring case, spacing and punctuation.

    It blocks a prize from a share of BLOCKING of the items: copying from the examples would score.
    """
    texts = [normalized(question.text.removeprefix(question.description)) for question in questions]
    if len(set(texts)) == 1:  # the text is that of the template, not of an item
        return []
    heads = {head: normalized(head) for head in {question.head for question in questions}}
    found = [
        question.item
        for question, text in zip(questions, texts, strict=True)
        if len(text) >= _SHORTEST and f" {text} " in f" {heads[question.head]} "
    ]
    if not found:
        return []
    return [
        Finding(
            "fewshot_overlap",
            f"{len(found):,} items are asked and answered among their own examples (items {some(found)}): take the "
            "examples from other documents",
            tuple(found[:10]),
            blocks=len(found) >= BLOCKING * len(questions),
        )
    ]
