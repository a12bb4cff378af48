"""Score curves from results: one array per model and window, oriented so that higher is better.

Models have checkpoints of their own, and the formulas take arrays: a data frame would only be taken apart again.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from e2lm_scoring.inputs.configuration import Configuration
from e2lm_scoring.inputs.results import Results
from e2lm_scoring.score_report import Curve
from e2lm_scoring.uncertainty import band


def checkpoint_means(results: Results) -> dict[tuple[str, int], np.ndarray]:
    """The score of every checkpoint, (model, iteration) -> () float64, turned around where lower is better."""
    return {key: np.asarray(_mean(results, key)) for key in results.item_scores}


def window_scores(results: Results, model: str, iterations: tuple[int, ...]) -> np.ndarray:
    """Scores of one model, (checkpoints,) float64, turned around where lower is better."""
    return np.asarray([_mean(results, (model, iteration)) for iteration in iterations])


def _mean(results: Results, key: tuple[str, int]) -> float:
    """The mean of the item scores: results.json may differ by 1e-6, and a drift of that size would be a curve."""
    sign = 1.0 if results.file.higher_is_better else -1.0
    return sign * float(np.mean(results.item_scores[key], dtype=np.float64))


def window_items(results: Results, model: str, iterations: tuple[int, ...]) -> np.ndarray:
    """Item scores of one model, (checkpoints, items) float32, turned around where lower is better."""
    sign = np.float32(1.0 if results.file.higher_is_better else -1.0)
    return sign * np.stack([results.item_scores[(model, iteration)] for iteration in iterations])


def window_contrasts(results: Results, model: str, iterations: tuple[int, ...]) -> np.ndarray | None:
    """Contrasts of one model's items, (checkpoints, items) float32, oriented like its scores; None without them."""
    if not results.contrast_scores:
        return None
    sign = np.float32(1.0 if results.file.higher_is_better else -1.0)
    return sign * np.stack([results.contrast_scores[(model, iteration)] for iteration in iterations])


def window_tokens(results: Results, model: str, iterations: tuple[int, ...]) -> np.ndarray:
    """Training tokens of one model's checkpoints, (checkpoints,) float64, billions."""
    return np.asarray([results.rows[(model, iteration)].tokens for iteration in iterations]) / 1e9


def oriented_items(results: Results) -> dict[tuple[str, int], np.ndarray]:
    """Item scores of every checkpoint, (model, iteration) -> (items,) float32, turned around where lower is better."""
    sign = np.float32(1.0 if results.file.higher_is_better else -1.0)
    return {key: sign * scores for key, scores in results.item_scores.items()}


def curves(
    results: Results, configuration: Configuration, draws: Mapping[tuple[str, int], np.ndarray]
) -> tuple[Curve, ...]:
    """The curve of every model that enters a score, over both windows; `results` must hold all its checkpoints.

    `draws` is (model, iteration) -> (draws,), the resampled means of every checkpoint, for the bands.
    """
    grid = (*configuration.early.iterations, *configuration.late_iterations)
    found = []
    for model in results.file.models:
        present = tuple(iteration for iteration in grid if (model.id, iteration) in results.item_scores)
        if not present:
            continue
        scores = window_scores(results, model.id, present)
        contrasts = window_contrasts(results, model.id, present)
        low, high = band(np.stack([draws[(model.id, iteration)] for iteration in present], axis=1))
        found.append(
            Curve(
                model=model.id,
                size=model.size,
                architecture=model.architecture,
                mixture=model.mixture,
                tokens=window_tokens(results, model.id, present),
                scores=scores,
                early=np.asarray([iteration in configuration.early.iterations for iteration in present]),
                low=low,
                high=high,
                wrong=None if contrasts is None else scores - contrasts.mean(axis=1, dtype=np.float64),
            )
        )
    return tuple(found)


def oriented_chance(results: Results) -> float | None:
    """Chance level, negated where lower is better, as the curves are; None where it is undefined."""
    chance = results.file.chance
    return chance if chance is None or results.file.higher_is_better else -chance
