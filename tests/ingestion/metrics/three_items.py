"""Columns of three items, small enough to compute their metrics by hand."""

from __future__ import annotations

import numpy as np

from e2lm_ingestion.metrics.expression import Columns

# Three items of 2, 3 and 2 choices.
OFFSETS = np.asarray([0, 2, 5, 7])
LL = np.asarray([-1.0, -2.0, -3.0, -2.0, -4.0, -7.0, -7.0])
VALUES = {
    "ll": LL,
    "gold": np.asarray([1, 0, 0, 0, 1, 0, 1]),
    "number": np.asarray([0, 1, 0, 1, 2, 0, 1]),
    "chars": np.asarray([1, 1, 4, 2, 8, 5, 5]),
    "bytes": np.asarray([2, 1, 4, 2, 8, 5, 5]),
    "words": np.asarray([1, 1, 1, 1, 2, 1, 1]),
    "tokens": np.asarray([1, 1, 2, 1, 2, 1, 1]),
    "greedy": np.asarray([1, 0, 0, 0, 0, 0, 0]),
    "ll_unconditional": np.asarray([-3.0, -1.0, -3.0, -1.0, -9.0, -7.0, -8.0]),
}
THREE = Columns(OFFSETS, VALUES)
