"""The two errors shown to people, each as one line without a traceback, and file names for system errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class SubmissionError(Exception):
    """A participant can fix this: the message names the file, the line or item, what is wrong and what to do."""

    def __str__(self) -> str:
        """The first problem; each argument is one, in a line."""
        first, *others = map(str, self.args or ("",))
        return f"{first} (and {len(others)} more, which `e2lm check` lists)" if others else first


class Problems:
    """Errors of a submission that are gathered, so that its author is told all of them at once."""

    def __init__(self) -> None:
        self.found: dict[str, None] = {}

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """Keep the problems of a SubmissionError that is raised inside."""
        try:
            yield
        except SubmissionError as error:
            self.add(*map(str, error.args))

    def add(self, *problems: str) -> None:
        """Keep problems, each once."""
        self.found |= dict.fromkeys(problems)

    def raise_any(self) -> None:
        """Raise SubmissionError with all problems, if there are any."""
        if self.found:
            raise SubmissionError(*self.found)


class ItemProblems:
    """Errors of single items: those that say the same of several items are told once, with their number."""

    MOST = 20  # different ones
    _OWN_VALUE = re.compile(  # what differs between items that have the same mistake
        r"""(?<=is |as )('[^']*'|"[^"]*"|\[[^\]]*\]|\{[^}]*\}|-?[\d.]+)(\.\.\.)?|(?<=character )\d+"""
    )

    def __init__(self) -> None:
        self._found: dict[str, tuple[str, int]] = {}  # kind of problem -> the first one, how many

    def add(self, location: str, error: SubmissionError) -> None:
        """Keep the problems of one item, whose location begins each. Raises SubmissionError where they are many."""
        for problem in map(str, error.args):
            place = location if problem.startswith(location) else ""
            kind = self._OWN_VALUE.sub("", problem.removeprefix(place))
            first, count = self._found.get(kind, (problem, 0))
            self._found[kind] = (first, count + 1)
        if len(self._found) >= self.MOST:
            self.raise_any()

    def raise_any(self) -> None:
        """Raise SubmissionError with all problems, if there are any."""
        if self._found:
            raise SubmissionError(
                *(
                    first + (f" (and likewise {count - 1:,} more)" if count > 1 else "")
                    for first, count in self._found.values()
                )
            )


class OrganizerError(Exception):
    """An organizer can fix this: the message names the checkpoint, configuration file or machine and what to do."""


class OutOfTimeError(OrganizerError):
    """The time limit came near before every checkpoint was done."""


@contextmanager
def naming(path: Path) -> Iterator[Path]:
    """Add the file name to an OSError that has none, such as "No space left on device" while writing."""
    try:
        yield path
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise
