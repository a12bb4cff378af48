"""The two errors that people read: one line each, never a traceback; and errors of the system that name their file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class SubmissionError(Exception):
    """A participant can mend this: the message names the file, the line or item, what is wrong and what to do."""


class OrganizerError(Exception):
    """An organizer can mend this: a checkpoint, a configuration file or the machine, and what to do."""


@contextmanager
def naming(path: Path) -> Iterator[Path]:
    """Give an OSError the file that it lacks: a system that runs out of space while writing does not name one."""
    try:
        yield path
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise
