"""Measures how often P(A > B) is sure, of equal tests and of different ones. Prints tables of docs/uncertainty.md.

usage: python benchmarks/ranking_power.py [TESTS [ITEMS...]]
"""

from __future__ import annotations

import sys

import numpy as np
from coverage import CONFIGURATION, GAINS, answers

from e2lm_scoring.total import total_and_components
from e2lm_scoring.uncertainty import bootstrap, probability_greater

SURE = 0.95
Test = tuple[float, np.ndarray]  # the score, and its draws


def tests_of(kind: str, items: int, count: int, seed: int) -> list[Test]:
    """Scores and draws of simulated tests of one kind."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        given = answers(kind, items, rng)
        means = {key: value.mean(dtype=np.float64) for key, value in given.items()}
        score = float(total_and_components(means, CONFIGURATION)["score"])
        found.append((score, bootstrap(given, CONFIGURATION, draws=300, seed=number).scores["score"]))
    return found


def sure(ours: list[Test], others: list[Test], items: int) -> np.ndarray:
    """Whether P(A > B) >= 0.95 for each of our tests and each of the others, (ours, others) float64."""
    chances = [[probability_greater(*one, *other, clusters=(items, items)) for other in others] for one in ours]
    return (np.asarray(chances) >= SURE).astype(np.float64)


def share(found: np.ndarray, *, equal: bool = False) -> str:
    """The mean of a table of pairs, and its standard error over the choice of tests, as a text.

    `equal`: rows and columns are the same tests, and the diagonal does not count.
    """
    rows, columns = found.shape
    if equal:
        of_test = (found.sum(axis=0) + found.sum(axis=1)) / 2 / (rows - 1)
        return f"{of_test.mean():.1%} ± {2 * of_test.std(ddof=1) / np.sqrt(rows):.1%}"
    error = np.sqrt(found.mean(axis=1).var(ddof=1) / rows + found.mean(axis=0).var(ddof=1) / columns)
    return f"{found.mean():.1%} ± {error:.1%}"


def main() -> None:
    """Print error and power of every kind and number of items: without the cap of the stretch, and with it."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    print("| tests | items | uncapped | capped |\n|---|---|---|---|")
    for items in [int(given) for given in sys.argv[2:]] or (100, 300, 1000):
        for kind in ("slow", "steep", "none"):
            own = tests_of(kind, items, count, seed=1)
            uncapped, capped = (share(sure(own, own, clusters), equal=True) for clusters in (0, items))
            print(f"| {kind}, equal | {items:,} | {uncapped} | {capped} |", flush=True)
        slow = tests_of("slow", items, count, seed=3)
        for name, (better, worse) in {"slow +0.03": (0.11, 0.08), "slow +0.06": (0.14, 0.08)}.items():
            GAINS["better"] = (better, 0.07 * better / worse, 0.03)
            ours = tests_of("better", items, count, seed=2)
            right = np.mean([one[0] > other[0] for one in ours for other in slow])
            uncapped, capped = (share(sure(ours, slow, clusters)) for clusters in (0, items))
            told = f"{name} against slow (right order {right:.0%})"
            print(f"| {told} | {items:,} | {uncapped} | {capped} |", flush=True)


if __name__ == "__main__":
    main()
