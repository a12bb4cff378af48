"""Results -> curves: one array of scores per model and window, "higher is better"."""

from __future__ import annotations

import numpy as np

from e2lm_scoring.configuration import Configuration
from e2lm_scoring.evaluation import Curve
from e2lm_scoring.results import Results


def window_scores(results: Results, model: str, iterations: tuple[int, ...]) -> np.ndarray:
    """Scores of one model, (checkpoints,) float64, turned around where lower is better."""
    sign = 1.0 if results.file.higher_is_better else -1.0
    return sign * np.asarray([results.rows[(model, iteration)].score for iteration in iterations])


def window_items(results: Results, model: str, iterations: tuple[int, ...]) -> np.ndarray:
    """Item scores of one model, (checkpoints, items) float32, turned around where lower is better."""
    sign = np.float32(1.0 if results.file.higher_is_better else -1.0)
    return sign * np.stack([results.item_scores[(model, iteration)] for iteration in iterations])


def window_tokens(results: Results, model: str, iterations: tuple[int, ...]) -> np.ndarray:
    """Training tokens of one model's checkpoints, (checkpoints,) float64, billions."""
    return np.asarray([results.rows[(model, iteration)].tokens for iteration in iterations]) / 1e9


def curves(results: Results, configuration: Configuration) -> tuple[Curve, ...]:
    """The curve of every model over the checkpoints of both windows that were run."""
    grid = (*configuration.early.iterations, *configuration.late_iterations)
    found = []
    for model in results.file.models:
        present = tuple(iteration for iteration in grid if (model.id, iteration) in results.rows)
        found.append(
            Curve(
                model=model.id,
                size=model.size,
                architecture=model.architecture,
                mixture=model.mixture,
                tokens=window_tokens(results, model.id, present),
                scores=window_scores(results, model.id, present),
                early=np.asarray([iteration in configuration.early.iterations for iteration in present]),
            )
        )
    return tuple(found)
