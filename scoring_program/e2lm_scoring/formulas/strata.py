"""How items are drawn again: within which strata, and which of them together.

The gate and the item bootstrap draw items within the subsets of a task, because another test of the same kind would
have as many items of each. Two things would make that claim too much certainty. A subset of one item cannot vary when
it is drawn from itself: small subsets are pooled. And items that share a passage are right or wrong together: such a
cluster is drawn as a whole (Cochran, Sampling Techniques, 1977, chapters 5 and 9A).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

SMALLEST = 10  # clusters (items, where none share anything) in a stratum that is drawn by itself


@dataclass(frozen=True, slots=True)
class Stratum:
    """Items that are drawn from each other; whole clusters at a time."""

    items: np.ndarray  # (n,) int, the items' numbers
    cluster: np.ndarray  # (n,) int, the cluster of each, 0 .. clusters - 1
    clusters: int

    @property
    def are_equal(self) -> bool:
        """Whether all clusters have the same number of items."""
        return len(self.items) % self.clusters == 0 and bool(
            (np.bincount(self.cluster, minlength=self.clusters) == len(self.items) // self.clusters).all()
        )


def strata_of(items: int, subset_sizes: Sequence[int] = (), clusters: np.ndarray | None = None) -> tuple[Stratum, ...]:
    """The strata of a task with consecutive subsets and clusters (items,) of any integers; default: one of each item.

    Subsets of fewer than ten clusters are pooled, and so are subsets that share a cluster. A pool that is still smaller
    takes in the next smallest subset. Raises ValueError when the subsets do not have that many items.

    >>> [stratum.items.size for stratum in strata_of(100, [80, *[1] * 20])]
    [80, 20]
    >>> [stratum.clusters for stratum in strata_of(100, clusters=np.arange(100) // 5)]
    [20]
    """
    sizes = tuple(subset_sizes) or (items,)
    if sum(sizes) != items:
        raise ValueError(f"the subsets have {sum(sizes)} items, the task {items}")
    groups = np.arange(items) if clusters is None else np.asarray(clusters)
    parts = list(np.split(np.arange(items), np.cumsum(sizes)[:-1]))
    counts = [len(np.unique(groups[part])) for part in parts]
    shared = _in_several(parts, groups) if clusters is not None else np.zeros(len(parts), dtype=bool)
    pooled = {i for i, count in enumerate(counts) if count < SMALLEST or shared[i]}
    rest = sorted((i for i in range(len(parts)) if i not in pooled), key=lambda i: counts[i])
    while pooled and rest and len(np.unique(groups[_joined(parts, pooled)])) < SMALLEST:
        pooled.add(rest.pop(0))
    strata = [part for i, part in enumerate(parts) if i not in pooled]
    return tuple(_stratum(part, groups) for part in [*strata, *([_joined(parts, pooled)] if pooled else [])])


def renumbered(strata: Sequence[Stratum]) -> tuple[np.ndarray, tuple[Stratum, ...]]:
    """Some strata by themselves: the numbers of their items, (n,) int, and the strata of these, counted from 0.

    >>> items, (own,) = renumbered(strata_of(30, [10, 20])[1:])
    >>> items[0], own.items[0]
    (np.int64(10), np.int64(0))
    """
    ends = np.cumsum([len(stratum.items) for stratum in strata])
    own = tuple(
        replace(stratum, items=np.arange(end - len(stratum.items), end))
        for stratum, end in zip(strata, ends, strict=True)
    )
    return np.concatenate([stratum.items for stratum in strata]), own


def _joined(parts: Sequence[np.ndarray], chosen: set[int]) -> np.ndarray:
    return np.concatenate([parts[i] for i in sorted(chosen)])


def _in_several(parts: Sequence[np.ndarray], groups: np.ndarray) -> np.ndarray:
    """Whether each part shares a cluster with another, (parts,) bool."""
    part_of_item = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    pairs = np.unique(np.stack([groups, part_of_item], axis=1), axis=0)
    several = np.unique(pairs[:, 0], return_counts=True)
    split = several[0][several[1] > 1]
    found = np.zeros(len(parts), dtype=bool)
    found[pairs[np.isin(pairs[:, 0], split), 1]] = True
    return found


def _stratum(items: np.ndarray, groups: np.ndarray) -> Stratum:
    names, cluster = np.unique(groups[items], return_inverse=True)
    return Stratum(items, cluster, len(names))
