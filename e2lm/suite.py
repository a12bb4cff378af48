"""List, show and fetch suites of checkpoints."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from e2lm.catalog import SUITES, find_suite
from e2lm.progress import progress_bar
from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.suite import Checkpoint, checkpoints_of, checkpoints_root, load_suite


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `e2lm suite`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="the suites that come with the project")
    show = actions.add_parser("show", help="a suite's checkpoints and where they are on this machine")
    show.add_argument("name", help="a suite's name or suite.yaml")
    show.add_argument("--json", action="store_true", help="print JSON")
    fetch = actions.add_parser("fetch", help="get a suite's checkpoints (the miniature one is trained here)")
    fetch.add_argument("name", help="a suite's name")


def main(args: argparse.Namespace) -> int:
    """Run one of the three actions."""
    if args.action == "list":
        for name, files in SUITES.items():
            print(f"{name}: {load_suite(files.suite).description}")
    elif args.action == "fetch":
        fetch(args.name)
    else:
        show(args.name, as_json=args.json)
    return 0


def fetch(name: str) -> Path:
    """Make sure that a suite's checkpoints are on this machine and return the folder that holds them."""
    if name != "miniature":
        raise OrganizerError(
            f"{name}: only the miniature suite is made here; put the checkpoints of others under {checkpoints_root()}, "
            "a folder per model as `e2lm suite show` lists them"
        )
    from e2lm.miniature import build  # it imports torch, which listing and showing need not wait for

    root = checkpoints_root()
    with progress_bar("training the miniature suite") as update:
        build.ensure(root, update)
    return root


def show(name: str, *, as_json: bool) -> None:
    """Print the checkpoints of a suite with their local paths."""
    suite = load_suite(find_suite(name).suite)
    checkpoints = checkpoints_of(suite, checkpoints_root())
    if as_json:
        rows = [_row(checkpoint) for checkpoint in checkpoints]
        print(json.dumps({"suite": suite.suite, "version": suite.version, "checkpoints": rows}, indent=1))
        return
    table = Table(title=f"{suite.suite}: {suite.description}")
    for column in ("model", "size", "architecture", "mixture", "checkpoints", "billion tokens", "on this machine"):
        table.add_column(column)
    for model in suite.models:
        own = [checkpoint for checkpoint in checkpoints if checkpoint.model == model.id]
        span = f"{own[0].tokens / 1e9:.1f} to {own[-1].tokens / 1e9:.1f}"
        here = f"{sum(checkpoint.path.is_dir() for checkpoint in own)} of {len(own)}"
        table.add_row(model.id, model.size, model.architecture, model.mixture, str(len(own)), span, here)
    Console().print(table)


def _row(checkpoint: Checkpoint) -> dict[str, str | int | bool]:
    return {
        "model": checkpoint.model,
        "iteration": checkpoint.iteration,
        "tokens": checkpoint.tokens,
        "path": str(checkpoint.path),
        "present": checkpoint.path.is_dir(),
    }
