"""Which items share their words with other items or with a text: sets of 13-word runs, as fingerprints in arrays.

Thirteen words is what GPT-3's authors took for "the same text" when they looked for test items in training data (Brown
et al. 2020, appendix C). An item with fewer words has one run: all of them. The measure is containment, the share of
the item's own runs that stand in the other text, so that a question that was put into a longer prompt is found too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from e2lm_ingestion.checks.questions import Question, shared_beginning

RUN = 13  # words
SHORTEST = 4  # words; fewer ("True or false?") are shared by chance
LEAST = 0.25  # of an item's runs that the other must hold: a question with other choices is found too
COMMON = 200  # texts of one source that hold a run: more, and it is a template's

_WORD = re.compile(r"\w+")
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_FACTOR = np.uint64(0x100000001B3)


@dataclass(frozen=True, slots=True)
class Runs:
    """The fingerprints of one source's texts, in increasing order, without those that a template brings."""

    texts: np.ndarray  # (runs,) int32, the number of the text that each stands in
    prints: np.ndarray  # (runs,) uint64, no text holds one twice
    sizes: np.ndarray  # (texts,) how many each text has


@dataclass(frozen=True, slots=True)
class Shared:
    """An item that another source holds."""

    item: int  # of the one source
    other: int  # of the other, the text that holds most of it
    share: float  # of the item's runs that stand in that text


class Vocabulary:
    """Words as numbers, the same for all sources of a comparison."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def runs_of(self, texts: Iterable[Sequence[str]]) -> Runs:
        """Every run of 13 words of each text, case and punctuation aside; a text may be written in several ways."""
        numbers, of_text, count = [np.zeros(0, np.uint64)], [np.zeros(0, np.int32)], 0
        for count, ways in enumerate(texts, 1):
            prints = np.unique(np.concatenate([self._prints(way) for way in ways]))
            numbers.append(prints)
            of_text.append(np.full(len(prints), count - 1, dtype=np.int32))
        return _sorted_runs(np.concatenate(of_text), np.concatenate(numbers), count)

    def _prints(self, text: str) -> np.ndarray:
        known = self._numbers
        words = [known.setdefault(word, len(known)) for word in _WORD.findall(text.casefold())]
        if len(words) < SHORTEST:
            return np.zeros(0, dtype=np.uint64)
        return _fingerprints(np.array(words, dtype=np.uint64))


def _sorted_runs(texts: np.ndarray, prints: np.ndarray, count: int) -> Runs:
    order = np.argsort(prints, kind="stable")
    texts, prints = texts[order], prints[order]
    _, inverse, counts = np.unique(prints, return_inverse=True, return_counts=True)
    kept = counts[inverse] <= COMMON
    return Runs(texts[kept], prints[kept], np.bincount(texts[kept], minlength=count))


def _fingerprints(words: np.ndarray) -> np.ndarray:
    """(runs,) uint64 of (words,) uint64: a polynomial in mixed word numbers, of a whole run or of all words."""
    mixed = (words + np.uint64(1)) * _MULTIPLIER
    mixed ^= mixed >> np.uint64(29)
    length = min(RUN, len(words))
    prints = np.zeros(len(words) - length + 1, dtype=np.uint64)
    for i in range(length):
        prints = prints * _FACTOR + mixed[i : len(mixed) - length + 1 + i]
    return prints * _MULTIPLIER ^ (prints >> np.uint64(31))


def item_texts(questions: Sequence[Question]) -> list[str]:
    """What is compared of items: their own words, without examples and template, and their choices in sorted order."""
    texts = [question.text for question in questions]
    start = re.match(r"(?s).*[:\n]|", shared_beginning(texts))
    end = re.search(r"(?s)\n.*|$", shared_beginning([text[::-1] for text in texts])[::-1])
    before, after = start.end() if start else 0, len(end.group()) if end else 0
    own = [text[before : max(before, len(text) - after)] for text in texts]
    return [" ".join([text, *sorted(map(str.strip, q.choices))]) for text, q in zip(own, questions, strict=True)]


def candidates(sources: Sequence[Runs]) -> list[tuple[int, int]]:
    """The pairs of sources (lower number first) that hold a run in common: all are sorted together once."""
    distinct = [np.unique(runs.prints) for runs in sources]
    prints = np.concatenate(distinct)
    numbers = np.repeat(np.arange(len(sources)), list(map(len, distinct)))
    order = np.argsort(prints, kind="stable")
    prints, numbers = prints[order], numbers[order]
    pairs: set[int] = set()
    for distance in range(1, len(sources)):
        same = prints[distance:] == prints[:-distance]
        if not same.any():
            break
        pairs.update(np.unique(numbers[:-distance][same] * len(sources) + numbers[distance:][same]).tolist())
    return [divmod(pair, len(sources)) for pair in sorted(pairs)]


def shared(one: Runs, other: Runs) -> list[Shared]:
    """The items of `one` that some text of `other` holds, at least a quarter of their runs, in order.

    Runs that stand in more than 200 texts of a source are a template's words and left out of both; an item that has no
    others is not compared.
    """
    first = np.searchsorted(other.prints, one.prints, "left")
    found = np.searchsorted(other.prints, one.prints, "right") - first
    items = np.repeat(one.texts, found).astype(np.int64)
    starts = np.cumsum(found) - found
    others = other.texts[np.repeat(first - starts, found) + np.arange(found.sum())]
    width = max(1, len(other.sizes))
    pairs, common = np.unique(items * width + others, return_counts=True)
    shares = common / one.sizes[pairs // width]
    best: dict[int, Shared] = {}
    for pair, share in zip(pairs.tolist(), shares.tolist(), strict=True):
        item, text = divmod(pair, width)
        if share >= LEAST and (item not in best or share > best[item].share):
            best[item] = Shared(item, text, share)
    return [best[item] for item in sorted(best)]
