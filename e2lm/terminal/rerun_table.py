"""A live table of a rerun: progress per model, failures, and the time left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console, RenderableType
from rich.live import Live

from e2lm.terminal.progress import can_redraw, is_line_due
from e2lm.terminal.table import Column, fitted_table
from e2lm_ingestion.execution.sweep import Progress

LINES_IN_A_LOG = 50
BAR_WIDTH = 16
NARROW, WIDE = 80, 120  # characters: in fewer, a model is a block of lines; from there on, there is room for bars


@dataclass(slots=True)
class _Model:
    done: int = 0
    latest: str = ""


@dataclass(slots=True)
class RerunTable:
    """Progress of a rerun on stderr: a table with a row per model or, without a terminal, occasional lines."""

    names: Sequence[str]  # of the submissions
    checkpoints: Mapping[str, int]  # of each model
    console: Console
    live: Live | None  # None without a terminal
    failed: int = 0
    models: dict[str, _Model] = field(default_factory=dict)

    def progress(self, progress: Progress) -> None:
        """Show that one submission is done on one checkpoint."""
        checkpoint, name = progress.checkpoint, self.names[progress.number]
        model = self.models[checkpoint.model]
        model.done += 1
        origin = "done before" if progress.resumed else f"{progress.seconds:.1f} s"
        model.latest = f"{name} at iteration {checkpoint.iteration:,}, {origin}"
        if self.live is not None:
            self.live.update(self._table(progress))
        elif is_line_due(progress.done, progress.total, LINES_IN_A_LOG):
            self._say(f"rerun: {progress.done:,}/{progress.total:,}, {name} on {checkpoint}, {_left(progress)}")

    def failure(self, name: str, reason: str) -> None:
        """Show that a submission failed; the others continue."""
        self.failed += 1
        self._say(f"failed: {name}: {reason}")

    def _say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _table(self, progress: Progress) -> RenderableType:
        failed = f", {self.failed} failed" if self.failed else ""
        done = f"{progress.done:,} of {progress.total:,} done"
        title = f"{len(self.names)} submissions: {done}{failed}, {_left(progress)}"
        width = self.console.width
        has_bars = width >= WIDE
        model_and_done = [Column("model", is_name=True), Column("done")]
        if width < NARROW:
            model_and_done.reverse()  # both in the first line of a block: all models' blocks fit in 24 lines
        bar = [Column("", left=True)] if has_bars else []
        columns = [*model_and_done, *bar, Column("latest", is_name=True, least=40)]
        rows = []
        for name, model in self.models.items():
            total = self.checkpoints[name] * len(self.names)
            share = round(BAR_WIDTH * model.done / total)
            drawn = ["━" * share + "─" * (BAR_WIDTH - share)] if has_bars else []
            cells = [name, f"{model.done:,}/{total:,}"]
            rows.append([*(cells if width >= NARROW else reversed(cells)), *drawn, model.latest])
        return fitted_table(title, columns, rows, width)


@contextmanager
def rerun_table(names: Sequence[str], checkpoints: Mapping[str, int]) -> Iterator[RerunTable]:
    """Yield the table, which is drawn while the context lasts."""
    console = Console(stderr=True)
    models = {name: _Model() for name in checkpoints}
    if not can_redraw(console):
        yield RerunTable(names, checkpoints, console, None, models=models)
        return
    with Live(console=console, refresh_per_second=4) as live:
        yield RerunTable(names, checkpoints, console, live, models=models)


def _left(progress: Progress) -> str:
    hours, seconds = divmod(round(progress.seconds_left), 3600)
    minutes, seconds = divmod(seconds, 60)
    return f"about {hours} h {minutes:02d} min left" if hours else f"about {minutes} min {seconds:02d} s left"
