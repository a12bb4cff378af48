"""The two errors shown to people, each as one line without a traceback, and file names for system errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class SubmissionError(Exception):
    """A participant can fix this: the message names the file, the line or item, what is wrong and what to do."""


class OrganizerError(Exception):
    """An organizer can fix this: the message names the checkpoint, configuration file or machine and what to do."""


@contextmanager
def naming(path: Path) -> Iterator[Path]:
    """Add the file name to an OSError that has none, such as "No space left on device" while writing."""
    try:
        yield path
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise
