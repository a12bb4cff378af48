"""Planted copies are found by the runs of words that they share, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest

from e2lm.submissions.ngram_overlap import Vocabulary, in_common, shared, with_endings
from tests.e2lm.submissions.drawn_sentences import sentences


def found(one: Sequence[str], other: Sequence[str]) -> list[tuple[int, int, float]]:
    """The items of one that the other holds: number, number of the text, share."""
    vocabulary = Vocabulary()
    return list(shared(*(vocabulary.runs_of([text] for text in texts) for texts in (one, other)))[0].rows)


def test_copies_are_found_and_nothing_else() -> None:
    mine, theirs = sentences(300, 1), sentences(400, 2)
    theirs[17], theirs[350] = mine[5], "A longer prompt. " + mine[9].upper().replace(" ", ",  ") + "? And more."
    assert found(mine, theirs) == [(5, 17, 1.0), (9, 350, 1.0)]
    assert found(sentences(300, 1), sentences(400, 2)) == []


def test_a_quarter_of_an_item_counts_and_less_does_not() -> None:
    text = sentences(1, 1, 40)[0].split()  # 28 runs of 13 words
    enough, less = " ".join(text[:19]), " ".join(text[:18])  # 7 and 6 of them
    assert found([" ".join(text)], [enough]) == [(0, 0, 0.25)]
    assert found([" ".join(text)], [less]) == []


def test_a_short_item_is_compared_whole_and_a_tiny_one_not_at_all() -> None:
    assert found(["What is an enzyme?"], ["what is an ENZYME"]) == [(0, 0, 1.0)]
    assert found(["What is an enzyme?"], ["what is an atom"]) == []
    assert found(["True or false?"], ["True or false?"]) == []


def test_the_words_of_a_template_are_no_overlap() -> None:
    frame = "Read the following passage with care and then choose the one best answer to it "
    mine, theirs = [[frame + text for text in sentences(300, seed, 6)] for seed in (1, 2)]
    assert found(mine, theirs) == []
    theirs[3] = mine[4]
    assert found(mine, theirs) == [(4, 3, 1.0)]


def test_fingerprints_tell_the_order_of_words() -> None:
    text = sentences(1, 1, 20)[0]
    assert found([text], [" ".join(reversed(text.split()))]) == []


def test_only_what_another_source_holds_is_compared() -> None:
    vocabulary = Vocabulary()
    texts = [sentences(50, seed) for seed in range(5)]
    texts[3][0] = texts[1][7]
    texts[4][1] = texts[1][7]
    runs = [vocabulary.runs_of([text] for text in own) for own in texts]
    kept = in_common(runs)
    assert [np.unique(one.texts).tolist() for one in kept] == [[], [7], [], [0], [1]]
    assert [len(one.prints) for one in kept] == [0, 18, 0, 18, 18]
    for one, other in combinations(range(5), 2):
        whole, reduced = shared(runs[one], runs[other]), shared(kept[one], kept[other])
        assert [list(way.rows) for way in whole] == [list(way.rows) for way in reduced]


def test_both_ways_of_a_comparison_are_those_of_two() -> None:
    vocabulary = Vocabulary()
    texts = [sentences(200, seed, 20) for seed in (1, 2)]
    texts[1][:50] = [f"{text} and then {more}" for text, more in zip(texts[0][100:150], texts[1][:50], strict=True)]
    one, other = (vocabulary.runs_of([text] for text in own) for own in texts)
    forth, back = shared(one, other)
    again = shared(other, one)
    assert [list(forth.rows), list(back.rows)] == [list(again[1].rows), list(again[0].rows)]
    assert [len(forth), len(back)] == [50, 50]
    assert forth.shares.min() == 1
    assert back.shares.max() < 1


QUESTION = "What is the climate of Tezos? foggy icy mild stormy"
DISGUISES = {
    "full width": "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in QUESTION),
    "mathematical bold": "".join(
        chr(ord(c) + 0x1D400 - ord("A")) if c.isupper() else chr(ord(c) + 0x1D41A - ord("a")) if c.islower() else c
        for c in QUESTION
    ),
    "Cyrillic": QUESTION.translate(str.maketrans("acehikmopstxyTW", "асеһікморѕтхуТԜ")),
    "Greek": QUESTION.translate(str.maketrans("aeioptuvxyTZ", "αειορτυνχγΤΖ")),
    "small capitals": QUESTION.lower().translate(str.maketrans("acdemost", "ᴀᴄᴅᴇᴍᴏꜱᴛ")),
    "zero width": "\u200b".join(QUESTION),
    "soft hyphens": "\u00ad".join(QUESTION),
    "word joiners and directions": "\u2060\u202a".join(QUESTION),
    "variants and tags": "\ufe0f\U000e0041".join(QUESTION),
    "accents": "\u0323".join(QUESTION),
    "a preface": f"Think about it with great care before you say anything: {QUESTION}",
    "a preface of many words": f"{' '.join(sentences(1, 9, 60))}. {QUESTION}",
}


@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_disguised_question_is_the_same_question(disguise: str) -> None:
    vocabulary = Vocabulary()
    mine, theirs = (
        vocabulary.runs_of(map(with_endings, texts))
        for texts in ([DISGUISES[disguise], *sentences(50, 1)], [QUESTION, *sentences(50, 2)])
    )
    forth, back = shared(mine, theirs)
    assert [(item, other) for item, other, _ in forth.rows] == [(0, 0)]
    assert [(item, other) for item, other, _ in back.rows] == [(0, 0)]


def test_choices_alone_are_no_question() -> None:
    vocabulary = Vocabulary()
    choices = "foggy icy mild stormy"
    mine, theirs = (
        vocabulary.runs_of(map(with_endings, [f"{text} {choices}" for text in sentences(50, seed, 14)]))
        for seed in (1, 2)
    )
    assert [len(way) for way in shared(mine, theirs)] == [0, 0]
