"""Prints the scores of a run under other metrics."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from e2lm.terminal.table import Column, fitted_table
from e2lm_scoring.own_machine import MetricRow

LONGEST = 29  # characters of a metric's name, which should not be broken
SHOWN = 8  # rows beside the task's own; the report has all


def print_metrics(rows: Sequence[MetricRow], *, has_total: bool) -> None:
    """Print the task's own metric and the best others, and what their scores do not say."""
    if len(rows) < 2:
        return
    best = [row for row in rows if not row.is_own][:SHOWN]
    shown = [row for row in rows if row.is_own or row in best]
    held_out = any(row.sq_held_out is not None for row in rows)
    columns = [Column("metric", is_name=True, least=LONGEST), Column("score" if has_total else "SQ")]
    columns += [Column("SQ, held-out models")] * held_out
    columns += [Column("contrast"), Column("label share"), Column("eligible", left=True)]
    table = [
        [
            row.metric + " (this task's)" * row.is_own,
            f"{row.ranked:.4f}",
            *[_number(row.sq_held_out, 4)] * held_out,
            _number(row.contrast_z, 1),
            _number(row.label_share, 2),
            "yes" if row.eligible else "no",
        ]
        for row in shown
    ]
    console = Console()
    console.print(fitted_table("The same answers under other metrics", columns, table, console.width))
    rest = len(rows) - len(shown)
    more = f"{rest} more are in the report; " if rest else ""
    luck = "believe a gain that held-out models show too" if held_out else "this suite has no held-out models to check"
    print(
        f"{more}contrast: standard errors that right labels gain on wrong ones; label share: how much of the rise that "
        f"is. The best of many metrics on these checkpoints is partly luck: {luck}."
    )


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{round(value, digits) + 0.0:.{digits}f}"  # without a minus before zero
