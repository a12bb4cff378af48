"""How much of a curve's rise depends on which answers are marked as right.

The contrast of an item is its score minus its mean score with wrong answers marked as right; ingestion computes it. A
metric that measures how likely any text is has a contrast of 0 on average, however steadily it rises. Ours; not part
of the published score.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from e2lm_scoring.formulas.improvement_gate import ENDS
from e2lm_scoring.formulas.signal_quality import ROUNDING


def label_share(right: Sequence[np.ndarray], contrast: Sequence[np.ndarray]) -> float:
    """Share of the rise that wrong labels do not show, in [0, 1].

    rise(S) = mean of the last three values minus mean of the first three; share = sum of rise(contrast) over the sum of
    rise(right), clipped to [0, 1], the sums over the signal models. `right` and `contrast` are curves (early
    checkpoints,) of each signal model, higher is better. 0 where the curves do not rise.

    >>> right = np.array([0.2, 0.2, 0.2, 0.3, 0.4, 0.5, 0.5, 0.5])
    >>> round(label_share([right], [right - np.linspace(0.2, 0.2, 8)]), 3)
    1.0
    >>> round(label_share([right], [0.4 * right]), 3)
    0.4
    >>> label_share([-right], [right])
    0.0
    """
    whole, of_labels = (sum(_rise(curve) for curve in curves) for curves in (right, contrast))
    if whole <= ROUNDING * max(float(np.abs(curve).max()) for curve in right):
        return 0.0
    return min(1.0, max(0.0, of_labels / whole))


def _rise(curve: np.ndarray) -> float:
    values = np.asarray(curve, dtype=np.float64)
    return float(values[-ENDS:].mean() - values[:ENDS].mean())
