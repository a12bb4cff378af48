"""Which benchmarks say something early in training, from results that exist already: no model is run again."""

from __future__ import annotations

from e2lm.signal.curves import load_curves
from e2lm.signal.table import signal_table

__all__ = ["load_curves", "signal_table"]
