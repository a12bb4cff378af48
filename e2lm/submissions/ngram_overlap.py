"""Which items share their words with other items or with a text: sets of 13-word runs, as fingerprints in arrays.

Thirteen words is what GPT-3's authors took for "the same text" when they looked for test items in training data (Brown
et al. 2020, appendix C). An item with fewer words has one run: all of them. The measure is containment, the share of
the item's own runs that stand in the other text, so that a question that was put into a longer prompt is found too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise

import numpy as np

RUN = 13  # words
SHORTEST = 4  # words; fewer ("True or false?") are shared by chance
LEAST = 0.25  # of an item's runs that the other must hold: a question with other choices is found too
COMMON = 200  # texts of one source that hold a run: more, or more than half of them, and it says nothing of one text
FEW = 10  # texts that may hold a run in a source of any size

_WORD = re.compile(r"\w+")
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_FACTOR = np.uint64(0x100000001B3)
_AT_A_TIME = 4096  # texts whose runs are made together
_SLICES = 64  # of the range of fingerprints, looked at in turn: so much less memory


@dataclass(frozen=True, slots=True)
class Runs:
    """The fingerprints of one source's texts, in increasing order, without those that are in too many of them."""

    texts: np.ndarray  # (runs,) int32, the number of the text that each stands in
    prints: np.ndarray  # (runs,) uint64, no text holds one twice
    sizes: np.ndarray  # (texts,) int64, how many each text has


@dataclass(frozen=True, slots=True)
class Shared:
    """The items of one source that another holds, in order."""

    items: np.ndarray  # (shared,) int64, their numbers
    others: np.ndarray  # (shared,) int64, for each the text of the other that holds most of it
    shares: np.ndarray  # (shared,) float64, of the item's runs that stand in that text

    def __len__(self) -> int:
        return len(self.items)

    @property
    def rows(self) -> Iterator[tuple[int, int, float]]:
        """Item, text of the other, and share, of each."""
        return zip(self.items.tolist(), self.others.tolist(), self.shares.tolist(), strict=True)


class Vocabulary:
    """Words as numbers, the same for all sources of a comparison."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def runs_of(self, texts: Iterable[Sequence[str]]) -> Runs:
        """Every run of 13 words of each text, case and punctuation aside; a text may be written in several ways."""
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
                words = _WORD.findall(way.casefold())
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


def _fingerprints(words: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of texts one after the other: (texts,) how many runs each has, and (runs,) uint64, a polynomial in mixed words.

    `words` is (all words,) uint64, `lengths` (texts,) int64.
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
    """0 .. n - 1 for each n of `counts`, one after the other."""
    numbers: np.ndarray = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return numbers


def _distinctive(texts: np.ndarray, prints: np.ndarray, count: int) -> Runs:
    edges = np.flatnonzero(np.concatenate([[True], prints[1:] != prints[:-1], [True]])[: len(prints) + 1])
    counts = np.diff(edges)
    kept = np.repeat(counts, counts) <= min(COMMON, max(FEW, count // 2))
    return Runs(texts[kept], prints[kept], np.bincount(texts[kept], minlength=count))


def in_common(sources: Sequence[Runs]) -> list[Runs]:
    """The runs of each source that another holds too; `sizes` stay those of all."""
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
    """The items of `one` that some text of `other` holds, at least a quarter of their runs; and the other way round.

    Runs that stand in too many texts of a source are left out of both; an item that has no others is not compared.
    """
    first = np.searchsorted(other.prints, one.prints, "left")
    found = np.searchsorted(other.prints, one.prints, "right") - first
    ones = np.repeat(one.texts, found).astype(np.int64)
    others = other.texts[np.repeat(first, found) + _counted(found)]
    width = max(1, len(other.sizes))
    pairs, common = np.unique(ones * width + others, return_counts=True)
    ones, others = np.divmod(pairs, width)
    return _best(ones, others, common / one.sizes[ones]), _best(others, ones, common / other.sizes[others])


def _best(items: np.ndarray, others: np.ndarray, shares: np.ndarray) -> Shared:
    order = np.lexsort((others, -shares, items))
    order = order[shares[order] >= LEAST]
    _, first = np.unique(items[order], return_index=True)
    chosen = order[first]
    return Shared(items[chosen], others[chosen], shares[chosen])
