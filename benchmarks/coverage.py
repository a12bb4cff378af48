"""Measures the coverage of the item bootstrap's intervals. Prints the table of docs/uncertainty.md.

usage: python benchmarks/coverage.py [REPETITIONS]
"""

from __future__ import annotations

import sys
from statistics import NormalDist

import numpy as np

from e2lm_scoring.formulas.strata import strata_of
from e2lm_scoring.inputs.configuration import Configuration
from e2lm_scoring.total import total_and_components
from e2lm_scoring.uncertainty import bootstrap, interval, probability_greater

EARLY, LATE = list(range(1, 15)), list(range(15, 23))
CONFIGURATION = Configuration.model_validate(
    {
        "suite": "simulation",
        "suite_version": 1,
        "early": {"iterations": EARLY},
        "late": {"iterations": LATE},
        "signal_models": ["one"],
        "ranking_groups": [["one", "other"]],
        "alignment": {"science": "one", "web": "web"},
    }
)
# accuracy gained over the early window by the signal model, its rival and the web-only model
GAINS = {"slow": (0.08, 0.07, 0.03), "steep": (0.35, 0.30, 0.10), "none": (0.0, 0.0, 0.0)}
CHANCE, SHARED = 0.25, 0.5  # SHARED: variance of an item's latent score that all checkpoints share
KEYS = ("score", "sq", "rc", "cs")
Answers = dict[tuple[str, int], np.ndarray]


def answers(kind: str, items: int, rng: np.random.Generator, passage: int = 1) -> Answers:
    """Right or wrong on items of the same source: a latent normal score per item and checkpoint under a threshold.

    `passage` items each share half of the variance of their latent scores.
    """
    gains = dict(zip(("one", "other", "web"), GAINS[kind], strict=True))

    def normal() -> np.ndarray:
        own = rng.standard_normal(items)
        if passage == 1:
            return own
        shared = np.repeat(rng.standard_normal(items // passage), passage)
        mixed: np.ndarray = np.sqrt(0.5) * shared + np.sqrt(0.5) * own
        return mixed

    difficulty = normal()
    found = {}
    for model, step in CONFIGURATION.needed:
        threshold = NormalDist().inv_cdf(CHANCE + gains[model] * float(np.log(step) / np.log(EARLY[-1])))
        latent = np.sqrt(SHARED) * difficulty + np.sqrt(1 - SHARED) * normal()
        found[(model, step)] = (latent < threshold).astype(np.float32)
    return found


def simulate(kind: str, items: int, repetitions: int, passage: int = 1, drawn_whole: bool = False) -> None:
    """Print one row per score: its mean and spread over tests, and the coverage of the intervals.

    `drawn_whole`: passages are resampled, not their items.
    """
    units = items // passage if drawn_whole else items
    strata = strata_of(items, clusters=np.arange(items) // passage) if drawn_whole else ()
    source = kind if passage == 1 else f"{kind}, {'passages' if drawn_whole else 'items'} drawn"
    rng = np.random.default_rng(1)
    scores: list[dict[str, float]] = []
    drawn: list[dict[str, np.ndarray]] = []
    for seed in range(repetitions):
        given = answers(kind, items, rng, passage)
        means = {key: value.mean(dtype=np.float64) for key, value in given.items()}
        scores.append({key: float(value) for key, value in total_and_components(means, CONFIGURATION).items()})
        drawn.append(bootstrap(given, CONFIGURATION, strata=strata, draws=300, seed=seed).scores)
    for key in KEYS:
        values = np.array([one[key] for one in scores])
        mean = values.mean()
        ours = [interval(value, draws[key]) for value, draws in zip(values, drawn, strict=True)]
        plain = [np.percentile(draws[key], [2.5, 97.5]) for draws in drawn]
        held = np.mean([one.low - 1e-9 <= mean <= one.high + 1e-9 for one in ours])
        plainly = np.mean([low - 1e-9 <= mean <= high + 1e-9 for low, high in plain])
        next_one = np.mean([o.low - 1e-9 <= v <= o.high + 1e-9 for o, v in zip(ours, np.roll(values, 1), strict=True)])
        width = np.mean([one.high - one.low for one in ours])
        print(
            f"| {source} | {items:,} | {key} | {mean:.3f} | {values.std():.3f} | {100 * plainly:.0f} "
            f"| {100 * held:.0f} | {100 * next_one:.0f} | {width:.2f} |",
            flush=True,
        )
    chances = np.array(
        [
            probability_greater(
                scores[i]["score"],
                drawn[i]["score"],
                scores[i - 1]["score"],
                drawn[i - 1]["score"],
                clusters=(units, units),
            )
            for i in range(repetitions)
        ]
    )
    sure = np.mean((chances < 0.025) | (chances > 0.975))
    print(f"{source}, {items:,} items: P(A > B) of two equal tests beyond 0.025 or 0.975 in {100 * sure:.1f} %")


def main() -> None:
    """Simulate every kind of curve with every number of items."""
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    for kind in GAINS:
        for items in (100, 1000):
            simulate(kind, items, repetitions)
    for kind in GAINS:
        for drawn_whole in (False, True):
            simulate(kind, 1000, repetitions // 3, passage=20, drawn_whole=drawn_whole)
    simulate("slow", 14_000, max(10, repetitions // 6))


if __name__ == "__main__":
    main()
