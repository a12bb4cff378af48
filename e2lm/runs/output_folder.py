"""Locks a run's output folder for one command at a time, and marks its content as not part of a submission."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from e2lm_ingestion.errors import OrganizerError, naming
from e2lm_ingestion.submission.file_rules import RUN_MARK

# Locks belong to the process, not to a file handle, so that none survives in a forked child. The price: closing any
# handle of a locked file releases the lock. So the mark of these folders, which this process holds, must not be opened
# again.
_held: set[Path] = set()
WRITTEN = "written by e2lm, not part of a submission\n"


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Create `folder` and lock it for this process until the end of the block; the lock ends with the process.

    At the end, a folder with nothing but the mark is removed. Raises OrganizerError naming another process that writes
    into the folder or its parent.
    """
    folder = folder.resolve()
    refuse_if_held(folder.parent, folder)
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / RUN_MARK
    if folder in _held:
        yield
        return
    with mark.open("a+", encoding="utf-8") as handle:
        _lock(handle.fileno(), mark, folder)
        with naming(mark):
            _write(handle.fileno(), f"{os.getpid()} {socket.gethostname()}\n")
        _held.add(folder)
        try:
            yield
        finally:
            _held.discard(folder)
            with suppress(OSError):  # such as a full disk, which must not hide the caller's own error
                _write(handle.fileno(), WRITTEN)
            if [path.name for path in folder.iterdir()] == [RUN_MARK]:
                mark.unlink()
                with suppress(OSError):  # another process has put a file there
                    for path in missing:
                        path.rmdir()


def _write(descriptor: int, text: str) -> None:
    os.ftruncate(descriptor, 0)
    os.write(descriptor, text.encode())


def refuse_if_held(folder: Path, shown: Path) -> None:
    """Raise OrganizerError when another process is writing into `folder`; the message names `shown`."""
    mark = folder.resolve() / RUN_MARK
    if mark.parent in _held or not mark.is_file():
        return
    with suppress(PermissionError), mark.open("r+", encoding="utf-8") as handle:
        _lock(handle.fileno(), mark, shown)


def _lock(descriptor: int, mark: Path, shown: Path) -> None:
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EAGAIN):
            return  # a file system without locks
        process, _, host = mark.read_text(encoding="utf-8").partition("\n")[0].partition(" ")
        where = "" if host in ("", socket.gethostname()) else f" on {host}"
        raise OrganizerError(
            f"{shown}: process {process or '?'}{where} is writing there; wait for it to end, or give another --out"
        ) from None
