"""Several engines on one GPU: the share of its memory for each, and a lock under which they start one after another."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ENGINES_ON_DEVICE = "E2LM_ENGINES_ON_DEVICE"  # environment variable that a pool sets for its workers
_held = False


def engines_on_device() -> int:
    """The number of engines that use this process' device: the value of E2LM_ENGINES_ON_DEVICE, by default 1."""
    return int(os.environ.get(ENGINES_ON_DEVICE, "1"))


def memory_share() -> float:
    """The share of the device's memory for this process' engine."""
    return 1 / engines_on_device()


@contextmanager
def alone_on_device() -> Iterator[None]:
    """Wait until no other engine on this device starts, and keep others from starting meanwhile.

    A starting engine measures free memory, which must not change at the same time. Can be entered again by the holder.
    Does nothing where the device is not shared.
    """
    global _held
    if _held or engines_on_device() == 1:
        yield
        return
    import fcntl  # not available on every system, and needed only here

    devices = re.sub(r"[^A-Za-z0-9]+", "-", os.environ.get("CUDA_VISIBLE_DEVICES", "all"))
    file = Path(tempfile.gettempdir()) / f"e2lm-device-{devices}-{os.getuid()}.lock"
    with file.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)  # closing the file, or the end of the process, releases it
        _held = True
        try:
            yield
        finally:
            _held = False
