"""Show the versions of a task that were run: what changed, and what each scored."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from e2lm.runs.history import HISTORY, Version, changes, read_history
from e2lm.terminal.table import Column, fitted_table
from e2lm_ingestion.errors import OrganizerError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `e2lm history`."""
    parser.add_argument(
        "task", type=Path, help="a submission, whose runs are in build/, or a folder that e2lm run wrote"
    )
    parser.epilog = (
        f"e2lm run keeps the history beside its results, in {HISTORY}; --overwrite keeps it, and no zip contains it.\n"
        "example: e2lm history my-task\n"
        "next:    e2lm run my-task --overwrite, after the next change"
    )


def main(args: argparse.Namespace) -> int:
    """Print a table for each folder of runs."""
    for folder in _folders(args.task):
        _print(folder, read_history(folder))
    return 0


def _folders(task: Path) -> list[Path]:
    if (task / HISTORY).is_file():
        return [task]
    name = task.resolve().stem if task.suffix == ".zip" else task.resolve().name
    found = [Path("build") / name, *sorted(Path("build").glob(f"{name}-*"))]
    folders = [folder for folder in found if (folder / HISTORY).is_file()]
    if not folders:
        raise OrganizerError(
            f"{task}: no run of it in {Path('build') / name}; run it with e2lm run, or give the folder given as --out"
        )
    return folders


def _print(folder: Path, versions: list[Version]) -> None:
    columns = [Column("run, UTC", is_name=True), Column("version"), Column("score"), Column("interval")]
    columns += [Column("eligible", left=True), Column("items"), Column("what changed", is_name=True)]
    rows = []
    for at, version in enumerate(versions):
        what = changes(versions[at - 1], version) if at else ["first version"]
        interval = "" if version.low is None else f"{version.low:.3f} to {version.high:.3f}"
        cells = [version.time[:16].replace("T", " "), str(at + 1), f"{version.ranked:.4f}", interval]
        rows.append([*cells, "yes" if version.eligible else "no", f"{version.items:,}", "\n".join(what)])
    console = Console()
    suites = ", ".join(dict.fromkeys(version.suite for version in versions))
    console.print(fitted_table(f"{folder}, on {suites}", columns, rows, console.width))
