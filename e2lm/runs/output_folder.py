"""One command at a time writes into a folder, and what it holds is marked as no part of a submission."""

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

# Locks are a process's, not a file handle's, so that none survives in a forked child. The price: closing any handle of
# a file that this process has locked gives its lock up. These are the folders whose mark must not be opened again.
_held: set[Path] = set()
WRITTEN = "written by e2lm: no part of a submission\n"


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Make `folder` and hold it for this process until the end of the block; the lock dies with the process.

    A folder with nothing but the mark in it goes again. Raises OrganizerError naming the process that is writing there,
    or into the folder that holds this one.
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
            with suppress(OSError):  # of a full disk, say, which is not what the caller is to hear of
                _write(handle.fileno(), WRITTEN)
            if [path.name for path in folder.iterdir()] == [RUN_MARK]:
                mark.unlink()
                with suppress(OSError):  # somebody else has put something there
                    for path in missing:
                        path.rmdir()


def _write(descriptor: int, text: str) -> None:
    os.ftruncate(descriptor, 0)
    os.write(descriptor, text.encode())


def refuse_if_held(folder: Path, shown: Path) -> None:
    """Raise OrganizerError when another process is writing into `folder`; `shown` is what the message names."""
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
        place = "" if host in ("", socket.gethostname()) else f" on {host}"
        raise OrganizerError(
            f"{shown}: process {process or '?'}{place} is writing there; wait for it to end, or give another --out"
        ) from None
