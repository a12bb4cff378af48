"""Findings on duplicate items and items among the examples."""

from __future__ import annotations

from dataclasses import replace

from e2lm_ingestion.checks.questions import Question, questions_of
from e2lm_ingestion.checks.repetition import answered_by_an_example, duplicate_items
from e2lm_ingestion.output_types.protocol import Item


def test_fair_questions_repeat_nothing(fair: list[Question]) -> None:
    assert duplicate_items(fair) == []
    assert answered_by_an_example(fair) == []


def test_a_repeated_item_is_found_regardless_of_case_and_order(fair: list[Question]) -> None:
    fair[9] = replace(fair[3], item=9, text=fair[3].text.upper() + "  ", choices=fair[3].choices[::-1])
    assert duplicate_items(fair)[0].items == (9,)


def item(head: str, question: str) -> Item:
    return Item((head + question,), (" yes", " no"), ("yes", "no"), (0,), head=len(head))


def test_an_item_among_its_own_examples_is_found() -> None:
    head = "".join(f"Is number {i} fine?\nAnswer: yes\n\n" for i in (2, 5))
    questions = questions_of([item(head, f"Is number {i} fine?\nAnswer:") for i in range(120)])
    assert {question.head for question in questions} == {head}
    assert questions[7].text == "Is number 7 fine?\nAnswer:"
    assert answered_by_an_example(questions)[0].items == (2, 5)


def test_an_item_among_its_examples_is_found_however_it_is_written_and_blocks_where_it_is_no_slip() -> None:
    head = "".join(f"IS NUMBER {i} -- FINE?\nAnswer: yes\n\n" for i in range(10))
    few = answered_by_an_example(questions_of([item(head, f"Is number {i} fine?\nAnswer:") for i in range(1000)]))
    assert (few[0].items, few[0].blocks) == (tuple(range(10)), False)
    every = answered_by_an_example(questions_of([item(head, f"Is number {i % 10} fine?\nAnswer:") for i in range(120)]))
    assert every[0].blocks
    assert answered_by_an_example(questions_of([item("Say yes or no: no. ", "Say yes or no:")] * 120)) == []


def test_examples_that_differ_between_items_are_split_off_too() -> None:
    items = [item(f"Is {i + 1000} fine?\nAnswer: no\n\n", f"Is {i} fine?\nAnswer:") for i in range(120)]
    questions = questions_of(items)
    assert questions[50].head == "Is 1050 fine?\nAnswer: no\n\n"
    assert questions[50].text == "Is 50 fine?\nAnswer:"
    assert answered_by_an_example(questions) == []


def test_a_question_that_contains_the_delimiter_stays_whole_after_shared_examples() -> None:
    head = "Text one.\n\nQ?\nAnswer: yes\n\n"
    questions = questions_of([item(head, f"Passage {i}.\n\nQ?\nAnswer:") for i in range(120)])
    assert questions[4].text == "Passage 4.\n\nQ?\nAnswer:"
    assert answered_by_an_example(questions) == []
