"""Where a curve first leaves chance: the checkpoint from which on scores are above it beyond sampling error."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

IN_A_ROW = 3  # of independent scores at chance, one in 20 is above by 1.64 errors, one in 8,000 three times in a row
ERRORS = 1.645


def leaves_chance(scores: ArrayLike, errors: ArrayLike, chance: float) -> int | None:
    """The number of the first of three checkpoints in a row that are above chance; None where there is none.

    `scores` and their standard errors `errors` are (checkpoints,) in order of training, higher is better; a score is
    above chance where score - chance > 1.645 errors (one-sided, 5 %). Ours, reported and never ranked. Raises
    ValueError for arrays of different length or a value that is not finite.

    >>> leaves_chance([0.25, 0.29, 0.24, 0.29, 0.31, 0.33], [0.02] * 6, chance=0.25)
    3
    >>> leaves_chance([0.25, 0.29, 0.24], [0.02] * 3, chance=0.25) is None
    True
    """
    curve, spread = np.asarray(scores, dtype=np.float64), np.asarray(errors, dtype=np.float64)
    if curve.ndim != 1 or curve.shape != spread.shape:
        raise ValueError("chance is compared with a curve and as many standard errors")
    if not (np.isfinite(curve).all() and np.isfinite(spread).all() and np.isfinite(chance)):
        raise ValueError("leaving chance needs finite scores, errors and a finite chance level")
    above = curve - chance > ERRORS * spread
    if len(above) < IN_A_ROW:
        return None
    whole = np.lib.stride_tricks.sliding_window_view(above, IN_A_ROW).all(axis=1)
    return int(np.argmax(whole)) if whole.any() else None
