"""Guessers that never see the question."""

from __future__ import annotations

from dataclasses import replace

from e2lm_ingestion.checks.guessers import by_length, choices_only, guessers
from e2lm_ingestion.checks.questions import Question


def with_gold(question: Question, text: str) -> Question:
    choices = list(question.choices)
    choices[question.gold[0]] = text
    return replace(question, choices=tuple(choices))


def test_fair_questions_leave_guessers_at_chance(fair: list[Question]) -> None:
    findings, scores, remaining = guessers(fair)
    assert findings == []
    assert remaining.all()
    assert scores["chance"] == 0.25
    assert abs(scores["choices_only"] - 0.25) < 0.06


def test_ties_in_length_share_the_point() -> None:
    questions = [Question(0, "", "", ("ab", "cd", "e"), (0,)), Question(1, "", "", ("ab", "cd", "e"), (2,))]
    assert by_length(questions, 1).tolist() == [1 / 2, 0]
    assert by_length(questions, -1).tolist() == [0, 1]


def test_long_right_choices_are_found(fair: list[Question]) -> None:
    long = [with_gold(q, q.choices[q.gold[0]] + " and more than that") if q.item % 2 else q for q in fair]
    findings, scores, remaining = guessers(long)
    assert "guesser_longest" in {finding.kind for finding in findings}
    assert scores["longest"] > 0.4 > 0.25 > scores["shortest"]
    assert not remaining[1::2].any()  # the lengthened choices
    assert 0.5 < remaining[::2].mean() < 0.9


def test_a_word_that_marks_right_choices_is_learned_and_repeated_items_are_not_memorized(fair: list[Question]) -> None:
    marked = [with_gold(q, q.choices[q.gold[0]] + " thus") if q.item % 2 else q for q in fair]
    assert choices_only(marked).mean() > 0.5
    repeated = [replace(q, choices=fair[q.item % 100].choices, gold=fair[q.item % 100].gold) for q in fair]
    assert choices_only(repeated).mean() < 0.4  # copies of an item are held out together


def test_a_large_task_is_checked_on_a_sample_of_its_items(fair: list[Question]) -> None:
    many = fair * (6_000 // len(fair) + 1)
    long = [with_gold(question, question.choices[question.gold[0]] + " thus") for question in many]
    _, scores, remaining = guessers(long)
    assert scores["choices_only"] > 0.9
    assert not remaining.any()  # neither those guessed nor those that no one tried
