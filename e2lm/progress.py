"""Progress bars for the terminal; where there is none (a log file), a line now and then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

LINES_IN_A_LOG = 5


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[int, int, str], None]]:
    """Yield `update(done, total, detail)`, drawn on stderr as a bar or, without a terminal, as a few lines."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda done, total, detail: _log(console, title, done, total, detail)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("[dim]{task.fields[detail]}", markup=True),
    )
    with Progress(*columns, console=console) as bars:
        bar = bars.add_task(title, total=None, detail="")
        yield lambda done, total, detail: bars.update(bar, completed=done, total=total, detail=detail)


def _log(console: Console, title: str, done: int, total: int, detail: str) -> None:
    if done == total or done % max(1, total // LINES_IN_A_LOG) == 0:
        console.print(f"{title}: {done}/{total}, {detail}", markup=False, highlight=False, soft_wrap=True)
