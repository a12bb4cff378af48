"""Measures how often P(A > B) is sure, of equal tests and of different ones. Prints tables of docs/uncertainty.md.

usage: python benchmarks/ranking_power.py [TESTS]
"""

from __future__ import annotations

import sys
from itertools import combinations

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


def sure(pairs: list[tuple[Test, Test]], items: int) -> float:
    """Share of pairs of which the first is above the second with P >= 0.95."""
    chances = [probability_greater(*one, *other, clusters=(items, items)) for one, other in pairs]
    return float(np.mean(np.asarray(chances) >= SURE))


def main() -> None:
    """Print error and power of every kind and number of items: without the cap of the stretch, and with it."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    print("| tests | items | uncapped | capped |\n|---|---|---|---|")
    for items in (100, 300, 1000):
        for kind in ("slow", "steep", "none"):
            own = tests_of(kind, items, count, seed=1)
            pairs = [pair for one, other in combinations(own, 2) for pair in ((one, other), (other, one))]
            print(f"| {kind}, equal | {items:,} | {sure(pairs, 0):.1%} | {sure(pairs, items):.1%} |", flush=True)
        for name, (better, worse) in {"slow +0.03": (0.11, 0.08), "slow +0.06": (0.14, 0.08)}.items():
            GAINS["better"] = (better, 0.07 * better / worse, 0.03)
            pairs = [
                (one, other)
                for one in tests_of("better", items, count, seed=2)
                for other in tests_of("slow", items, count, seed=3)
            ]
            right = np.mean([one[0] > other[0] for one, other in pairs])
            told = f"{name} against slow (right order {right:.0%})"
            print(f"| {told} | {items:,} | {sure(pairs, 0):.1%} | {sure(pairs, items):.1%} |", flush=True)


if __name__ == "__main__":
    main()
