"""Measures how often subsets of random labels are found, and honest ones blamed. Prints a table of docs/validity.md.

usage: python benchmarks/subset_power.py DEMO [DRAWS]      DEMO: the folder of `e2lm demo`, such as build/demo
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from e2lm.runs.run_folder import RunFolder
from e2lm.suites.registry import SUITES
from e2lm_ingestion.results.rescoring import rescore
from e2lm_scoring.curves import window_contrasts, window_items
from e2lm_scoring.formulas.strata import strata_of
from e2lm_scoring.formulas.subset_contrast import MUCH, without_contrast
from e2lm_scoring.inputs.configuration import load_configuration
from e2lm_scoring.inputs.results import read_results

METRICS = ("correct_prob", "correct_prob_per_char", "correct_logprob", "acc", "logprob_margin")
SCIENCE, WEB, NOISE, DILUTED = "science-cloze", "web-trivia", "noise", "noise with some science-cloze"
GROUPS: dict[str, list[tuple[str, int, int]]] = {  # task, subsets, items of each; all subsets have the same weight
    "honest: 10 weak subsets of 10 items": [(WEB, 10, 10)],
    "honest: 10 weak subsets of 20 items": [(WEB, 10, 20)],
    "honest: 6 weak subsets of 50 items": [(WEB, 6, 50)],
    "honest: 57 strong subsets of 10 items": [(SCIENCE, 57, 10)],
    "honest: 5 strong and 5 weak subsets of 20": [(SCIENCE, 5, 20), (WEB, 5, 20)],
    "honest: strong 100 and weak 100 items": [(SCIENCE, 1, 100), (WEB, 1, 100)],
    "random labels in 190 items, 26 honest": [(SCIENCE, 1, 26), (NOISE, 1, 190)],
    "random labels in 100 items, 100 honest": [(SCIENCE, 1, 100), (NOISE, 1, 100)],
    "random labels in 30 items, 30 honest": [(SCIENCE, 1, 30), (NOISE, 1, 30)],
    "random labels in 10 of 20 subsets of 10": [(SCIENCE, 10, 10), (NOISE, 10, 10)],
    "random labels in 2 of 10 subsets of 20": [(SCIENCE, 8, 20), (NOISE, 2, 20)],
    "random labels in 1 of 8 subsets of 50": [(SCIENCE, 7, 50), (NOISE, 1, 50)],
    "random labels in 190 of 210 items, 26 honest": [(SCIENCE, 1, 26), (DILUTED, 1, 210)],
    "random labels in 50 items, 100 weak ones": [(WEB, 1, 100), (NOISE, 1, 50)],
}
Curves = tuple[np.ndarray, np.ndarray]  # scores and contrasts, (early checkpoints, items), means of the signal models


def curves_of(run: Path, metric: str) -> Curves:
    """What the signal models scored under a metric."""
    configuration = load_configuration(SUITES["miniature"].scoring)
    iterations, models = configuration.early.iterations, configuration.signal_models
    with tempfile.TemporaryDirectory() as folder:
        rescore(RunFolder(run).found_results, metric, Path(folder) / "results", expression=None)
        results = read_results(Path(folder) / "results", configuration)
    scores = np.mean([window_items(results, model, iterations) for model in models], axis=0, dtype=np.float64)
    contrasts = [window_contrasts(results, model, iterations) for model in models]
    return scores, np.mean([own for own in contrasts if own is not None], axis=0, dtype=np.float64)


def diluted(honest: Curves, noise: Curves) -> Curves:
    """190 items of random labels and 20 honest ones."""
    rng = np.random.default_rng(0)
    own, other = (rng.permutation(curves[0].shape[1])[:count] for curves, count in ((noise, 190), (honest, 20)))
    scores, contrasts = (np.concatenate([a[:, own], b[:, other]], axis=1) for a, b in zip(noise, honest, strict=True))
    return scores, contrasts


def blamed(group: list[tuple[str, int, int]], curves: dict[str, Curves], rng: np.random.Generator) -> bool:
    """Whether a prize is withheld from a group whose items are drawn from those of the tasks."""
    sizes = [items for _, subsets, items in group for _ in range(subsets)]
    weights = np.repeat([sum(sizes) / len(sizes) / size for size in sizes], sizes)
    scores, contrasts = [], []
    for task, subsets, items in group:
        drawn = rng.integers(0, curves[task][0].shape[1], subsets * items)
        scores.append(curves[task][0][:, drawn])
        contrasts.append(curves[task][1][:, drawn])
    found = without_contrast(
        np.concatenate(scores, axis=1) * weights,
        np.concatenate(contrasts, axis=1) * weights,
        strata_of(sum(sizes), sizes),
        weights,
        min_z=3,
        min_share=0.35,
    )
    return found is not None and found.weight >= MUCH


def main() -> None:
    """Print the share of draws of each group in which a prize is withheld, for each metric."""
    demo, draws = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 500
    of_metric = {metric: {task: curves_of(demo / task, metric) for task in (SCIENCE, WEB, NOISE)} for metric in METRICS}
    for curves in of_metric.values():
        curves[DILUTED] = diluted(curves[SCIENCE], curves[NOISE])
    print(f"| group | {' | '.join(f'`{metric}`' for metric in METRICS)} |\n|---|{'---|' * len(METRICS)}")
    for name, group in GROUPS.items():
        rng = np.random.default_rng(0)
        shares = [np.mean([blamed(group, curves, rng) for _ in range(draws)]) for curves in of_metric.values()]
        print(f"| {name} | {' | '.join(f'{100 * share:.0f}' for share in shares)} |", flush=True)


if __name__ == "__main__":
    main()
