"""Findings on identical choices, stated answers and favored positions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from e2lm_ingestion.checks.answers import (
    favored_position,
    identical_choices,
    interchangeable_answers,
    stated_answers,
    told_before_the_question,
)
from e2lm_ingestion.checks.questions import Question
from e2lm_ingestion.task.task_parts import Filter


def test_fair_questions_have_no_findings(fair: list[Question]) -> None:
    assert identical_choices(fair) == []
    assert stated_answers(fair)[0] == []
    assert favored_position(fair)[0] == []


def test_the_same_choice_twice_is_found(fair: list[Question]) -> None:
    fair[7] = replace(fair[7], choices=("a", "b ", "b", "c"))
    assert identical_choices(fair)[0].items == (7,)


def test_a_right_choice_in_the_question_is_found_with_both_rates(fair: list[Question]) -> None:
    told = [replace(q, text=f"{q.text} ({q.choices[q.gold[0]].upper()})") if q.item % 4 == 0 else q for q in fair]
    found, rates = stated_answers(told)
    assert found[0].items[:3] == (0, 4, 8)
    assert (rates["right"], rates["wrong"]) == (0.25, 0.0)


def test_where_a_model_writes_the_answers_of_other_items_are_the_wrong_ones(fair: list[Question]) -> None:
    written = [replace(q, choices=(q.choices[0],), gold=(0,)) for q in fair]
    assert stated_answers(written)[0] == []
    told = [replace(q, text=f"Some say {q.choices[0]}. {q.text}") for q in written]
    found, rates = stated_answers(told)
    assert found[0].blocks
    assert rates == {"right": 1.0, "wrong": 0.0}
    listed = [replace(q, text="yes or no? " + q.text, choices=("yes" if q.item % 2 else "no",)) for q in written]
    assert stated_answers(listed)[0] == []


def test_right_answers_that_many_items_share_are_found(fair: list[Question]) -> None:
    assert interchangeable_answers(fair) == []
    colors, foods = ("red", "blue", "green"), ("bread", "rice", "nuts", "fish")
    any_of_kind = [replace(q, choices=colors if q.item % 2 else foods, gold=(0, 1, 2)) for q in fair]
    assert [(one.kind, one.blocks) for one in interchangeable_answers(any_of_kind)] == [
        ("interchangeable_answers", True)
    ]
    aliases = [replace(q, choices=tuple(f"{name} {q.item // 2}" for name in colors), gold=(0, 1, 2)) for q in fair]
    assert interchangeable_answers(aliases) == []


def test_a_question_that_lists_all_choices_is_no_finding(fair: list[Question]) -> None:
    listed = [replace(q, text=q.text + "\n" + "\n".join(q.choices)) for q in fair]
    found, rates = stated_answers(listed)
    assert found == []
    assert rates == {"right": 1.0, "wrong": 1.0}


def test_a_choice_within_a_longer_word_is_not_stated() -> None:
    questions = [Question(i, "", "which category", ("cat", "dog"), (0,)) for i in range(200)]
    assert stated_answers(questions)[1] == {"right": 0.0, "wrong": 0.0}


def test_a_favored_position_counts_where_the_prompt_lists_the_choices(fair: list[Question]) -> None:
    first = [replace(q, gold=(0,) if q.item % 2 else q.gold) for q in fair]
    assert favored_position(first)[0] == []  # scored alone, the choices have no position
    listed = [replace(q, text="\n".join(q.choices)) for q in first]
    found, counts = favored_position(listed)
    assert "choice 0 (counted from 0) is right in 6" in found[0].message
    assert sum(counts) == 800


def test_a_favored_label_counts_when_labels_are_the_same_everywhere() -> None:
    questions = [Question(i, "", f"is it so {i}", ("yes", "no"), (int(i % 4 == 0),)) for i in range(400)]
    found, counts = favored_position(questions)
    assert counts == [300, 100]
    assert found[0].kind == "favored_position"


def test_numbers_of_choices_may_differ() -> None:
    questions = [Question(i, "", "a b c", ("a", "b", "c")[: 2 + i % 2], (i // 2 % (2 + i % 2),)) for i in range(600)]
    assert favored_position(questions)[0] == []


@pytest.mark.parametrize(
    "disguise",
    [
        " ".join,
        "-".join,
        str.upper,
        lambda answer: answer.replace("e", "е").replace("o", "ο").replace("a", "а"),
        lambda answer: "\u200b".join(answer),
        lambda answer: answer.replace(" ", "   ,"),
        lambda answer: answer.replace(" ", ""),
        lambda answer: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in answer),
    ],
)
def test_an_answer_in_disguise_is_stated(disguise: Callable[[str], str]) -> None:
    words = ["ocean acid", "carbon rate", "mean temper", "iron oxide"]
    questions = [Question(i, "", f"item {i} ({disguise(words[i % 4])})?", tuple(words), (i % 4,)) for i in range(200)]
    (found,), rates = stated_answers(questions)
    assert rates == {"right": 1.0, "wrong": 0.0}
    assert found.blocks


def test_letters_that_stand_alone_state_nothing() -> None:
    questions = [Question(i, "", "Is it A B or C D?", ("abcd", "dcba"), (1,)) for i in range(200)]
    assert stated_answers(questions)[0] == []


def test_a_crib_before_the_question_is_found_in_description_and_examples(fair: list[Question]) -> None:
    crib = "; ".join(f"{q.text}: {q.choices[q.gold[0]]}" for q in fair)
    for own in (fair, [replace(q, choices=(q.choices[q.gold[0]],), gold=(0,)) for q in fair]):
        assert told_before_the_question(own) == []
        (found,) = told_before_the_question([replace(q, head=f"Facts. {crib}\n\n") for q in own])
        assert (found.kind, found.blocks) == ("answer_before_question", True)


def test_examples_about_the_same_words_are_no_crib(fair: list[Question]) -> None:
    examples = [replace(q, choices=fair[q.item - 1].choices) for q in fair[:8]]
    shots = "\n\n".join(f"{q.text}\n{' '.join(q.choices)}\nAnswer: {q.choices[q.gold[0]]}" for q in examples)
    assert told_before_the_question([replace(q, head=shots) for q in fair]) == []


def test_of_a_large_task_a_part_is_searched(fair: list[Question], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("e2lm_ingestion.checks.answers.MOST_COMPARED", 100)
    crib = "; ".join(f"{q.text}: {q.choices[q.gold[0]]}" for q in fair)
    (found,) = told_before_the_question([replace(q, head=crib) for q in fair])
    assert found.items[:3] == (0, 8, 16)


def test_texts_that_a_filter_maps_to_an_answer_are_answers_of_their_own(fair: list[Question]) -> None:
    kinds = [replace(q, choices=("color" if q.item % 2 else "food",), gold=(0,)) for q in fair]
    colors = {"red": "color", "blue": "color", "tan": "color", "bread": "food", "rice": "food", "nuts": "food"}
    step = Filter(function="map", mapping_dict=colors)
    assert interchangeable_answers(kinds) == []
    assert [one.kind for one in interchangeable_answers(kinds, [step])] == ["interchangeable_answers"]
    spellings = Filter(function="map", mapping_dict={"Color": "color", " color.": "color", "(color)": "color"})
    assert interchangeable_answers(kinds, [spellings]) == []
