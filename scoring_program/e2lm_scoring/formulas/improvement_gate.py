"""The improvement gate: has the task measured any progress at all?

SQ looks at the shape of a curve only: a drift of 1e-9 scores 1, a falling curve 0.5, noise 0.17 on average. The gate
compares the improvement with its standard error over the choice of items. It looks at the contrast with wrong labels
where there is one (label_contrast.py): any text becomes more likely as a model trains. Ours; not part of the published
score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from e2lm_scoring.formulas.strata import Stratum, strata_of

ENDS = 3  # checkpoints averaged at the beginning and at the end of the early window
HOPELESS = 1.0  # standard errors of improvement below which more items are no advice: it may as well be none
ROUNDING = 1e-6  # item scores are float32: a spread below this share of their magnitude is rounding error


def improvement_z(item_scores: np.ndarray, strata: Sequence[Stratum] = ()) -> float:
    """Improvement of one model over the early window, in standard errors.

    z = mean(d) / (std(d) / sqrt(items)) with d the mean of an item's last 3 scores minus the mean of its first 3: the
    paired item-bootstrap standard error in closed form. `item_scores` is (early checkpoints, items), higher is better.
    With `strata`, clusters are drawn within these: the variance of the sum of d is that of the cluster totals around
    what their sizes predict, C / (C - 1) * sum (T_c - mean(d) m_c)^2 for a stratum of C clusters of m_c items, added
    over the strata. 0 when all items improve by the same amount up to rounding: they are then no independent evidence.

    >>> improvement_z(np.array([[0.0, 0, 0, 0]] * 3 + [[1.0, 1, 1, 0]] * 3))
    3.0
    """
    scores = np.asarray(item_scores, dtype=np.float64)
    difference = scores[-ENDS:].mean(axis=0) - scores[:ENDS].mean(axis=0)
    items = len(difference)
    variance = sum(_variance_of_sum(difference, stratum) for stratum in strata or strata_of(items))
    spread = float(np.sqrt(variance / items))
    if spread <= ROUNDING * float(np.abs(scores).max()):
        return 0.0
    return float(np.mean(difference)) / (spread / float(np.sqrt(items)))


def _variance_of_sum(difference: np.ndarray, stratum: Stratum) -> float:
    """Variance of the sum over a stratum's items when its clusters are drawn again; 0 for a single cluster."""
    if stratum.clusters < 2:
        return 0.0
    own = difference[stratum.items]
    residuals = np.bincount(stratum.cluster, weights=own - own.mean(), minlength=stratum.clusters)
    return float(np.sum(residuals**2)) * stratum.clusters / (stratum.clusters - 1)


def gate_z(z_of_model: Mapping[str, float]) -> float:
    """The value that the gate compares with its minimum: the median over the signal models, in standard errors."""
    return float(np.median(list(z_of_model.values())))


def ineligible_because(
    z_of_model: Mapping[str, float],
    minimum: float,
    *,
    what: str = "scores",
    advice: str | None = None,
) -> tuple[str, ...]:
    """Reasons why a submission is not eligible, as sentences for its author; empty when it is eligible.

    The median over the signal models must reach the minimum: a task may be too hard for the smallest model, but not
    for most. `what` names the curve whose improvement z it is, and `advice` what to change; by default, that depends on
    the median.
    """
    median = gate_z(z_of_model)
    if median >= minimum:
        return ()
    if advice is None:
        advice = "more items, or easier ones, give a clearer signal"
        if median < HOPELESS:
            advice = "more items do not help a curve that does not rise: look at the labels and at the items"
    each = ", ".join(f"{model} {z:.1f}" for model, z in z_of_model.items())
    return (
        f"{what} did not clearly improve over the early window: the median improvement is {median:.1f} standard errors "
        f"and {minimum:g} are needed ({each}); {advice}",
    )
