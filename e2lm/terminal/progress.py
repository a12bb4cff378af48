"""Progress bars for the terminal; without one (a log file, a notebook), occasional lines."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column

from e2lm.terminal.table import folded

LINES_IN_A_LOG = 5
BAR_AND_NUMBERS = 48  # characters: the bar, how many are done, the time taken and the time left


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[int, int, str], None]]:
    """Yield `update(done, total, detail)`, drawn on stderr as a bar or, without a terminal, as a few lines."""
    console = Console(stderr=True)
    if not can_redraw(console):
        yield lambda done, total, detail: _log(console, title, done, total, detail)
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


def _log(console: Console, title: str, done: int, total: int, detail: str) -> None:
    if is_line_due(done, total, LINES_IN_A_LOG):
        console.print(f"{title}: {done}/{total}, {detail}", markup=False, highlight=False, soft_wrap=True)
