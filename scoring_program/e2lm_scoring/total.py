"""Curves -> SQ, RC, CS and the total: one function for the score itself and for every draw of the bootstrap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from e2lm_scoring.formulas.domain_alignment import domain_alignments
from e2lm_scoring.formulas.ranking_consistency import ranking_consistencies
from e2lm_scoring.formulas.signal_quality import signal_qualities
from e2lm_scoring.inputs.configuration import Configuration


def total_and_components(
    curves: Mapping[tuple[str, int], np.ndarray], configuration: Configuration
) -> dict[str, np.ndarray]:
    """`score`, `sq`, `rc` and `cs`, those that the suite allows, each (...).

    `curves` is (model, iteration) -> (...), higher is better, of every checkpoint that scores need: () for the score
    itself, (draws,) for the bootstrap. Every signal model weighs the same in SQ, every ranking group in RC.
    """
    early, late = configuration.early.iterations, configuration.late_iterations

    def window(model: str, iterations: Sequence[int]) -> np.ndarray:
        return np.stack([curves[(model, iteration)] for iteration in iterations], axis=-1)

    scores = {"sq": np.mean([signal_qualities(window(model, early)) for model in configuration.signal_models], axis=0)}
    if configuration.ranking_groups:
        each = [
            ranking_consistencies(
                np.stack([window(model, early) for model in group], axis=-2),
                np.stack([window(model, late) for model in group], axis=-2),
                reference=configuration.ranking_reference,
            )
            for group in configuration.ranking_groups
        ]
        scores["rc"] = np.mean(each, axis=0)
    pair = configuration.alignment
    if pair is not None:
        scores["cs"] = domain_alignments(window(pair.science, early), window(pair.web, early))
    if configuration.has_total:
        weights = configuration.weights
        total = weights.signal_quality * scores["sq"]
        if "rc" in scores:
            total = total + weights.ranking_consistency * scores["rc"]
        if "cs" in scores:
            total = total + weights.domain_alignment * scores["cs"]
        scores = {"score": total, **scores}
    return scores
