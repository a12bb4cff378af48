"""Signal-to-noise ratio, reported beside the score and never ranked."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

LAST = 5
ROUNDING = 1e-12  # a standard deviation below this share of a score's magnitude is rounding error


def signal_to_noise(early: ArrayLike) -> float:
    """Distance between models in units of the noise from checkpoint to checkpoint.

    signal = greatest |difference| between two models' means of their last 5 early scores; noise = mean over the models
    of the standard deviation (n - 1) of those 5. `early` is (models, checkpoints). Source: Signal and Noise (arXiv
    2508.13144) without its division by the mean, which breaks where scores cross 0. 0 by convention where scores never
    move: there is no noise to compare with, and the distance is not evidence of a signal.

    >>> signal_to_noise([[1.0, 2, 1, 2, 1], [3.0, 4, 3, 4, 3]])
    3.6514837167011076
    """
    last = np.asarray(early, dtype=np.float64)[:, -LAST:]
    noise = checkpoint_noise(early)
    return float(np.ptp(last.mean(axis=1))) / noise if noise else 0.0


def checkpoint_noise(early: ArrayLike) -> float:
    """Mean over the models of the standard deviation (n - 1) of their last 5 early scores, in the score's unit.

    `early` is (models, checkpoints). Exactly 0 where scores move by no more than rounding.

    >>> round(checkpoint_noise([[1.0, 2, 1, 2, 1], [3.0, 4, 3, 4, 3]]), 4)
    0.5477
    """
    last = np.asarray(early, dtype=np.float64)[:, -LAST:]
    noise = float(np.mean(np.std(last, axis=1, ddof=1)))
    return noise if noise > ROUNDING * float(np.abs(last).max()) else 0.0
