"""Finds items that share 13-grams of words with other items or texts; n-grams are fingerprints in arrays.

GPT-3's authors used 13-grams to find test items in training data (Brown et al. 2020, appendix C). An item with fewer
words is a single n-gram. The measure is containment, the share of the item's n-grams ("runs") that the other text
contains, so that a question inside a longer prompt is found too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from html import unescape
from itertools import islice, pairwise

import numpy as np

from e2lm_ingestion.checks.questions import words_of

RUN = 13  # words
SHORTEST = 4  # words; shorter texts ("True or false?") are shared by chance
SHORTEST_ENDING = 8  # words of an ending that may be a whole short text
LEAST = 0.25  # share of an item's runs that the other must contain: low enough to find a question with other choices
COMMON = 200  # texts of one source: a run in more of them, or in more than half, is boilerplate
FEW = 10  # texts of a source of any size that may contain a run before it counts as boilerplate

_DIGITS = str.maketrans("01345", "oleas")
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_FACTOR = np.uint64(0x100000001B3)
_AT_A_TIME = 4096  # texts per batch of fingerprints
_SLICES = 64  # slices of the fingerprints' range, compared in turn to save memory


@dataclass(frozen=True, slots=True)
class Runs:
    """The fingerprints of one source's texts, in increasing order, without boilerplate."""

    texts: np.ndarray  # (runs,) int32, the number of the text that contains each
    prints: np.ndarray  # (runs,) uint64, unique within a text
    sizes: np.ndarray  # (texts,) int64, the number of runs of each text


@dataclass(frozen=True, slots=True)
class Shared:
    """The items of one source that another contains, in order."""

    items: np.ndarray  # (shared,) int64, their numbers
    others: np.ndarray  # (shared,) int64, for each item the text of the other source that contains most of it
    shares: np.ndarray  # (shared,) float64, share of the item's runs in that text

    def __len__(self) -> int:
        return len(self.items)

    @property
    def rows(self) -> Iterator[tuple[int, int, float]]:
        """Item, text of the other, and share, of each."""
        return zip(self.items.tolist(), self.others.tolist(), self.shares.tolist(), strict=True)


class Vocabulary:
    """Numbers words, consistently for all sources of a comparison."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def runs_of(self, texts: Iterable[Sequence[str]]) -> Runs:
        """All 13-word runs of each text, its words as a reader sees them; each text is given as its variants."""
        given, count = iter(texts), 0
        parts = [(np.zeros(0, np.int32), np.zeros(0, np.uint64))]
        while some := list(islice(given, _AT_A_TIME)):
            owners, prints = self._prints(some)
            parts.append((owners + np.int32(count), prints))
            count += len(some)
        owners, prints = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        del parts
        order = np.argsort(prints, kind="stable")
        return _distinctive(owners[order], prints[order], count)

    def _prints(self, texts: Sequence[Sequence[str]]) -> tuple[np.ndarray, np.ndarray]:
        """(runs,) int32 numbers of texts, and (runs,) uint64 fingerprints, each once for a text."""
        known, flat, lengths, of_way = self._numbers, [], [], []
        for number, ways in enumerate(texts):
            for way in ways:
                words = as_read(way)
                flat += [known.setdefault(word, len(known)) for word in words]
                lengths.append(len(words))
                of_way.append(number)
        runs, prints = _fingerprints(np.array(flat, dtype=np.uint64), np.array(lengths, dtype=np.int64))
        owners = np.repeat(np.array(of_way, dtype=np.int32), runs)
        order = np.lexsort((prints, owners))
        owners, prints = owners[order], prints[order]
        new = np.ones(len(prints), dtype=bool)
        new[1:] = (owners[1:] != owners[:-1]) | (prints[1:] != prints[:-1])
        return owners[new], prints[new]


def as_read(text: str) -> list[str]:
    """The words of a text with HTML's entities resolved, and digits that stand for letters within a word.

    >>> as_read("W&#97;ter b0ils at 100 C")
    ['water', 'boils', 'at', '100', 'c']
    """
    words = words_of(unescape(text) if "&" in text else text)
    return [word if word.isalpha() or word.isdecimal() else word.translate(_DIGITS) for word in words]


def with_endings(text: str) -> list[str]:
    """The text and, where it is longer than a run, its last 8 to 12 words: a short question may have a preface.

    Choices stand at the end of an item, so that fewer words are often choices alone.
    """
    words = words_of(text)
    return [text, *(" ".join(words[-count:]) for count in range(SHORTEST_ENDING, RUN) if len(words) >= RUN)]


def _fingerprints(words: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The number of runs of each text, (texts,), and their fingerprints, (runs,) uint64: a polynomial hash of words.

    `words` is (all words,) uint64, the texts concatenated; `lengths` is (texts,) int64.
    """
    mixed = (words + np.uint64(1)) * _MULTIPLIER
    mixed ^= mixed >> np.uint64(29)
    runs = np.where(lengths < SHORTEST, 0, np.maximum(lengths - RUN, 0) + 1)
    first = np.repeat(np.cumsum(lengths) - lengths, runs) + _counted(runs)
    length = np.repeat(np.minimum(lengths, RUN), runs)
    prints = np.zeros(len(first), dtype=np.uint64)
    for i in range(RUN):
        inside = i < length
        prints[inside] = prints[inside] * _FACTOR + mixed[first[inside] + i]
    return runs, prints * _MULTIPLIER ^ (prints >> np.uint64(31))


def _counted(counts: np.ndarray) -> np.ndarray:
    """0 .. n - 1 for each n of `counts`, concatenated."""
    numbers: np.ndarray = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return numbers


def _distinctive(texts: np.ndarray, prints: np.ndarray, count: int) -> Runs:
    edges = np.flatnonzero(np.concatenate([[True], prints[1:] != prints[:-1], [True]])[: len(prints) + 1])
    counts = np.diff(edges)
    kept = np.repeat(counts, counts) <= min(COMMON, max(FEW, count // 2))
    return Runs(texts[kept], prints[kept], np.bincount(texts[kept], minlength=count))


def in_common(sources: Sequence[Runs]) -> list[Runs]:
    """The runs of each source that another source has too; `sizes` still count all runs."""
    kept: list[list[np.ndarray]] = [[] for _ in sources]
    edges = [np.uint64(i * (2**64 // _SLICES)) for i in range(_SLICES)]
    starts = [[*np.searchsorted(runs.prints, edges).tolist(), len(runs.prints)] for runs in sources]
    for bounds in zip(*map(pairwise, starts), strict=True):
        parts = [runs.prints[low:high] for runs, (low, high) in zip(sources, bounds, strict=True)]
        together = np.sort(np.concatenate([np.unique(part) for part in parts]))
        twice = together[1:][together[1:] == together[:-1]]
        for own, part in zip(kept, parts, strict=True):
            own.append(np.isin(part, twice))
    return [_kept(runs, np.concatenate(masks)) for runs, masks in zip(sources, kept, strict=True)]


def _kept(runs: Runs, mask: np.ndarray) -> Runs:
    return replace(runs, texts=runs.texts[mask], prints=runs.prints[mask])


def shared(one: Runs, other: Runs) -> tuple[Shared, Shared]:
    """The items of `one` with at least a quarter of their runs in a text of `other`, and vice versa.

    An item that ends with a whole short text of the other, after a preface of its own, shares all of it. Boilerplate
    runs of either source are left out of both; an item without other runs is not compared.
    """
    first = np.searchsorted(other.prints, one.prints, "left")
    found = np.searchsorted(other.prints, one.prints, "right") - first
    ones = np.repeat(one.texts, found).astype(np.int64)
    others = other.texts[np.repeat(first, found) + _counted(found)]
    width = max(1, len(other.sizes))
    pairs, common = np.unique(ones * width + others, return_counts=True)
    ones, others = np.divmod(pairs, width)
    mine, theirs = common / one.sizes[ones], common / other.sizes[others]
    mine, theirs = np.where(other.sizes[others] == 1, 1.0, mine), np.where(one.sizes[ones] == 1, 1.0, theirs)
    return _best(ones, others, mine), _best(others, ones, theirs)


def _best(items: np.ndarray, others: np.ndarray, shares: np.ndarray) -> Shared:
    order = np.lexsort((others, -shares, items))
    order = order[shares[order] >= LEAST]
    _, first = np.unique(items[order], return_index=True)
    chosen = order[first]
    return Shared(items[chosen], others[chosen], shares[chosen])
