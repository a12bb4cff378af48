"""Items that share a passage or ask the same are of one cluster; what a subject or a template repeats is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from e2lm_ingestion.checks.clusters import clusters_of
from e2lm_ingestion.checks.questions import Question


def sizes(questions: list[Question]) -> list[int]:
    return sorted(np.unique(clusters_of(questions)[0], return_counts=True)[1].tolist(), reverse=True)


def test_fair_questions_share_nothing(fair: list[Question]) -> None:
    numbers, found = clusters_of(fair)
    assert numbers.tolist() == list(range(len(fair)))
    assert found == []


def test_items_of_a_named_field_are_a_cluster_without_a_warning(fair: list[Question]) -> None:
    named = [replace(q, cluster=f"passage {q.item // 20}") for q in fair]
    numbers, found = clusters_of(named)
    assert np.array_equal(numbers, np.arange(800) // 20 * 20)
    assert found == []


def test_a_shared_passage_is_found_by_itself(fair: list[Question]) -> None:
    passages = [fair[i].text + " " + fair[i + 40].text for i in range(40)]
    read = [replace(q, text=f"{passages[q.item // 20]}\nQuestion: {q.text}") for q in fair]
    assert sizes(read) == [20] * 40
    assert "count as 40 clusters" in clusters_of(read)[1][0].message
    two = [*fair[:20], replace(fair[20], text=fair[19].text, choices=fair[19].choices)]
    assert "2 items share" in (message := clusters_of(two)[1][0].message)
    assert "count as 1 cluster when" in message


def test_a_long_line_of_the_template_is_no_passage(fair: list[Question]) -> None:
    line = "Read the following question with care and answer it as well as you can with one of the given choices"
    assert sizes([replace(q, text=f"{line}, and only one.\n{q.text}") for q in fair]) == [1] * 800


def test_rewordings_of_an_item_are_a_cluster(fair: list[Question]) -> None:
    frames = ("Which is {}?", "Say what {} is.", "{}: which one?", "Of these, {}", "Choose for {}", "I wonder about {}")
    reworded = [
        replace(q, item=6 * q.item + i, text=frame.format(q.text), choices=q.choices[i % 4 :] + q.choices[: i % 4])
        for q in fair[:100]
        for i, frame in enumerate(frames)
    ]
    assert sizes(reworded) == [6] * 100


def test_a_question_with_other_wrong_choices_is_the_same_question(fair: list[Question]) -> None:
    def with_other_wrong_choices(question: Question, copy: int) -> Question:
        choices = (text if at in question.gold else f"{text} {copy}" for at, text in enumerate(question.choices))
        return replace(question, item=2 * question.item + copy, choices=tuple(choices))

    changed = [with_other_wrong_choices(question, copy) for question in fair[:100] for copy in range(2)]
    assert sizes(changed) == [2] * 100
    other = [replace(q, gold=((q.gold[0] + q.item % 2) % 4,), text=q.text.upper()) for q in changed]
    assert sizes(other) == [1] * 200, "another right answer: another question"


def test_questions_with_yes_and_no_are_not_the_same_question(fair: list[Question]) -> None:
    assert sizes([replace(q, choices=("yes", "no"), gold=(0,)) for q in fair]) == [1] * 800
