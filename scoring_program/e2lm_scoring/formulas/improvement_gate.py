"""The improvement gate: has the task measured any progress at all?

SQ looks at the shape of a curve only: a drift of 1e-9 scores 1, a falling curve 0.5, noise 0.17 on average. The gate
compares the improvement with its standard error over the choice of items. Ours; not part of the published score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

ENDS = 3  # checkpoints averaged at the beginning and at the end of the early window
ROUNDING = 1e-6  # item scores are float32: a spread below this share of their magnitude is rounding error


def improvement_z(item_scores: np.ndarray, subset_sizes: Sequence[int] = ()) -> float:
    """Improvement of one model over the early window, in standard errors.

    z = mean(d) / (std(d) / sqrt(items)) with d the mean of an item's last 3 scores minus the mean of its first 3: the
    paired item-bootstrap standard error in closed form. `item_scores` is (early checkpoints, items), higher is better.
    With `subset_sizes` of consecutive subsets, items are drawn within these, and the variance of the mean is sum(n_k *
    var_k) / items^2 over the subsets. 0 when all items improve by the same amount up to rounding: the items are then no
    independent evidence.

    >>> improvement_z(np.array([[0.0, 0, 0, 0]] * 3 + [[1.0, 1, 1, 0]] * 3))
    3.0
    """
    scores = np.asarray(item_scores, dtype=np.float64)
    difference = scores[-ENDS:].mean(axis=0) - scores[:ENDS].mean(axis=0)
    parts = [part for part in np.split(difference, np.cumsum(subset_sizes)[:-1]) if len(part) > 1]
    if not parts:
        return 0.0
    spread = float(np.sqrt(sum(len(part) * np.var(part, ddof=1) for part in parts) / len(difference)))
    if spread <= ROUNDING * float(np.abs(scores).max()):
        return 0.0
    return float(np.mean(difference)) / (spread / float(np.sqrt(len(difference))))


def gate_z(z_of_model: Mapping[str, float]) -> float:
    """The value that the gate compares with its minimum: the median over the signal models, in standard errors."""
    return float(np.median(list(z_of_model.values())))


def ineligible_because(z_of_model: Mapping[str, float], minimum: float) -> tuple[str, ...]:
    """Reasons why a submission is not eligible, as sentences for its author; empty when it is eligible.

    The median over the signal models must reach the minimum: a task may be too hard for the smallest model, but not
    for most.
    """
    median = gate_z(z_of_model)
    if median >= minimum:
        return ()
    each = ", ".join(f"{model} {z:.1f}" for model, z in z_of_model.items())
    return (
        f"scores did not clearly improve over the early window: the median improvement is {median:.1f} standard errors "
        f"and {minimum:g} are needed ({each}); more items, or easier ones, give a clearer signal",
    )
