"""Progress bars for the terminal; without one (a log file, a notebook), occasional lines."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column

from e2lm.terminal.table import folded

LINES_IN_A_LOG = 5
SILENCE = 30.0  # seconds after which a log has a line in any case
BAR_AND_NUMBERS = 48  # characters: the bar, how many are done, the time taken and the time left


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[int, int, str], None]]:
    """Yield `update(done, total, detail)`, drawn on stderr as a bar or, without a terminal, as a few lines."""
    console = Console(stderr=True)
    if not can_redraw(console):
        log = _Log(console, title)
        try:
            yield log.update
        finally:
            log.close()
        return
    if cell_len(title) > console.width - BAR_AND_NUMBERS:
        for line in folded(title, console.width):
            console.print(line, markup=False, highlight=False)
        title = ""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=16),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        # cut to the room that is left; the other columns are never cut
        TextColumn("{task.fields[detail]}", style="dim", markup=False, table_column=Column(ratio=1, no_wrap=True)),
    )
    with Progress(*columns, console=console, expand=True) as bars:
        bar = bars.add_task(title, total=None, detail="")
        yield lambda done, total, detail: bars.update(bar, completed=done, total=total, detail=detail)


def can_redraw(console: Console) -> bool:
    """Whether output can be redrawn in place: a notebook counts as a terminal but keeps every redrawn frame."""
    return console.is_terminal and "JPY_PARENT_PID" not in os.environ


def is_line_due(done: int, total: int, lines: int) -> bool:
    """Whether a log of about `lines` lines has one for this step; always true for the last."""
    return done == total or done % max(1, total // lines) == 0


class _Log:
    """Lines for a log file: about five, and one whenever nothing was written for half a minute."""

    def __init__(self, console: Console, title: str) -> None:
        self._console, self._title = console, title
        self._at = ""  # how far it is, and what was done last
        self._began = self._written = time.monotonic()
        self._lock, self._closed = threading.Lock(), threading.Event()
        self._clock = threading.Thread(target=self._remind, daemon=True)
        self._clock.start()

    def update(self, done: int, total: int, detail: str) -> None:
        """Write a line if one is due."""
        with self._lock:
            self._at = f"{done}/{total}, {detail}"
            if is_line_due(done, total, LINES_IN_A_LOG) or time.monotonic() - self._written >= SILENCE:
                self._write(self._at)

    def close(self) -> None:
        """Write nothing more."""
        self._closed.set()
        self._clock.join()

    def _remind(self) -> None:
        while not self._closed.wait(max(0.05, SILENCE - (time.monotonic() - self._written))):
            with self._lock:
                if time.monotonic() - self._written >= SILENCE:
                    done = f"{self._at}; " if self._at else ""
                    self._write(f"{done}still at work after {time.monotonic() - self._began:.0f} s")

    def _write(self, text: str) -> None:
        self._written = time.monotonic()
        self._console.print(f"{self._title}: {text}", markup=False, highlight=False, soft_wrap=True)
