"""Which items share what they are about: a passage, a document, or the question in other words.

Items of a cluster are right or wrong together, so that resampling them one by one makes a score look more certain than
it is. Scoring draws clusters as a whole (docs/validity.md).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from e2lm_ingestion.checks.questions import Finding, Question, normalized, rarer_words, some

PASSAGE = 20  # words of a line that only a shared passage has in common
SHARED = 0.5  # of the rarer words of two items with the same choices: from here on one is the other in other words
MOST_SHARING = 50  # items with the same choices; more: the choices are labels, such as yes and no


def clusters_of(questions: Sequence[Question]) -> tuple[np.ndarray, list[Finding]]:
    """The cluster of each item, (items,) int64, and a finding where items share something that the task does not name.

    Items are of one cluster where the task's `metadata: {cluster: FIELD}` says so, where they share a line of 20 or
    more words that few others have, where they have the same choices and half of their rarer words, or where question
    and right answer are the same and only wrong choices differ.
    """
    joined = _Groups(len(questions))
    named: dict[str, int] = {}
    for number, question in enumerate(questions):
        if question.cluster:
            joined.join(number, named.setdefault(question.cluster, number))
    before = joined.numbers()
    for pairs in (_same_passage(questions), _same_question(questions)):
        for one, other in pairs:
            joined.join(one, other)
    numbers = joined.numbers()
    found = np.flatnonzero(np.bincount(numbers)[numbers] > np.bincount(before)[before])
    if not found.size:
        return numbers, []
    clusters = len(np.unique(numbers[found]))
    message = (
        f"{len(found):,} items share a passage or ask the same in other words (items {some(found.tolist())}): they "
        f"count as {clusters:,} cluster{'s' * (clusters != 1)} when scores are resampled; name what they share with "
        "`metadata: {cluster: FIELD}` in task.yaml, or keep one of each"
    )
    return numbers, [Finding("near_duplicates", message, tuple(found[:10].tolist()))]


class _Groups:
    """Disjoint sets of item numbers, each named by its smallest."""

    def __init__(self, items: int) -> None:
        self._parent = list(range(items))

    def join(self, one: int, other: int) -> None:
        first, second = sorted((self._root(one), self._root(other)))
        self._parent[second] = first

    def numbers(self) -> np.ndarray:
        return np.asarray([self._root(item) for item in range(len(self._parent))], dtype=np.int64)

    def _root(self, item: int) -> int:
        while self._parent[item] != item:
            self._parent[item] = self._parent[self._parent[item]]
            item = self._parent[item]
        return item


def _same_passage(questions: Sequence[Question]) -> list[tuple[int, int]]:
    """Pairs of items with a long line in common, unless it is a line of the template."""
    having: defaultdict[str, list[int]] = defaultdict(list)
    for number, question in enumerate(questions):
        for line in {normalized(line) for line in question.text.split("\n") if len(line) >= 2 * PASSAGE}:
            if line.count(" ") >= PASSAGE - 1:
                having[line].append(number)
    most = len(questions) / 2
    return [(own[0], other) for own in having.values() if len(own) <= most for other in own[1:]]


def _same_question(questions: Sequence[Question]) -> list[tuple[int, int]]:
    """Pairs of items with the same choices and mostly the same rarer words, or the same question and right answer."""
    having: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    asking: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    texts = [normalized(question.text) for question in questions]
    for number, question in enumerate(questions):
        choices = [normalized(choice) for choice in question.choices]
        having[tuple(sorted(choices))].append(number)
        asking[(texts[number], *sorted(choices[gold] for gold in question.gold))].append(number)
    rare = rarer_words(texts)
    pairs = [(numbers[0], other) for numbers in asking.values() for other in numbers[1:]]
    for numbers in having.values():
        if 1 < len(numbers) <= MOST_SHARING:
            pairs += [
                (one, other)
                for place, one in enumerate(numbers)
                for other in numbers[place + 1 :]
                if len(rare[one] & rare[other]) >= SHARED * max(1, len(rare[one]), len(rare[other]))
            ]
    return pairs
