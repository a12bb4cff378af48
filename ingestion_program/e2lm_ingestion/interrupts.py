"""Keeps Ctrl-C from child processes: the terminal sends it to all, but only the parent handles it and ends them."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interrupts_blocked() -> Iterator[None]:
    """Start processes within this block: they and their own children never receive Ctrl-C."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # a mask is inherited, also through exec
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
