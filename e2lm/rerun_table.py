"""A live table of a rerun: what runs, what is done, how long it will take."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.live import Live
from rich.table import Table

from e2lm.progress import progress_bar
from e2lm_ingestion.sweep import Progress


@dataclass(slots=True)
class _Model:
    done: int = 0
    latest: str = ""


@contextmanager
def live_table(names: Sequence[str]) -> Iterator[Callable[[Progress], None]]:
    """Yield a function to be told of progress: a table with a row a model or, without a terminal, a few lines."""
    console = Console(stderr=True)
    if not console.is_terminal:
        with progress_bar("rerun") as update:
            yield lambda one: update(one.done, one.total, f"{names[one.entry]} on {one.checkpoint}, {_left(one)}")
        return
    models: dict[str, _Model] = {}
    with Live(console=console, refresh_per_second=4) as live:

        def show(progress: Progress) -> None:
            model = models.setdefault(progress.checkpoint.model, _Model())
            model.done += 1
            origin = "already done" if progress.resumed else f"{progress.seconds:.1f} s"
            model.latest = f"{names[progress.entry]} at iteration {progress.checkpoint.iteration:,}, {origin}"
            live.update(_table(models, progress, len(names)))

        yield show


def _table(models: dict[str, _Model], progress: Progress, submissions: int) -> Table:
    title = f"{submissions} submissions: {progress.done:,} of {progress.total:,} done, {_left(progress)}"
    table = Table("model", "done", "latest", title=title)
    for name, model in models.items():
        table.add_row(name, f"{model.done:,}", model.latest)
    return table


def _left(progress: Progress) -> str:
    hours, seconds = divmod(round(progress.seconds_left), 3600)
    return (
        f"about {hours} h {seconds // 60:02d} min left" if hours else f"about {seconds // 60} min {seconds % 60} s left"
    )
