"""List, show, fetch and describe suites of checkpoints."""

from __future__ import annotations

import argparse
import json

from rich.console import Console
from rich.text import Text

from e2lm.cli import suite_new
from e2lm.suites.fetch import fetch
from e2lm.suites.registry import find_suite, suites
from e2lm.terminal.table import Column, fitted_table
from e2lm_ingestion.suite import Checkpoint, checkpoints_of, checkpoints_root, load_suite


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `e2lm suite`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser(
        "list",
        help="the suites that come with the project",
        description="List the suites that come with the project: the names that --suite takes.",
    )
    show = actions.add_parser(
        "show",
        help="a suite's models and how many of their checkpoints are on this machine",
        description="Show a suite's models, and how many of their checkpoints are in $E2LM_CHECKPOINTS (default: the "
        "user's cache).",
        epilog="example: e2lm suite show miniature",
    )
    show.add_argument("name", help="a suite's name or suite.yaml")
    show.add_argument("--json", action="store_true", help="print every checkpoint with its path, as JSON")
    fetch = actions.add_parser(
        "fetch",
        help="download a suite's checkpoints and verify them (the miniature suite is trained)",
        description="Download a suite's checkpoints into $E2LM_CHECKPOINTS (default: the user's cache; on a worker, "
        "the folder that is mounted at /app/data) and check every file against the Hub's digest. Run it again to "
        "resume an interrupted download. HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE work as in huggingface_hub.",
        epilog="example: e2lm suite fetch miniature (157 MB, trained in about four minutes)",
    )
    fetch.add_argument("name", help="a suite's name or suite.yaml")
    suite_new.add_arguments(
        actions.add_parser(
            "new",
            help="describe a training run of your own as a suite",
            description="Write suite.yaml and scoring.yaml for the checkpoints of one or more models, each a folder "
            "of folders, or a repository of the Hub with a folder or a revision for each checkpoint. Of several "
            "models, the windows and the groups to rank are proposed; correct in the files what should be otherwise.",
            epilog=suite_new.EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
    )


def main(args: argparse.Namespace) -> int:
    """Run one of the four actions."""
    if args.action == "list":
        for name, files in suites().items():
            print(f"{name}: {load_suite(files.suite).description}")
    elif args.action == "fetch":
        fetch(args.name)
        print(f"next:   e2lm run SUBMISSION --suite {args.name}")
    elif args.action == "new":
        suite_new.main(args)
    else:
        show(args.name, as_json=args.json)
    return 0


def show(name: str, *, as_json: bool) -> None:
    """Print the checkpoints of a suite with their local paths."""
    suite = load_suite(find_suite(name).suite)
    checkpoints = checkpoints_of(suite, checkpoints_root())
    if as_json:
        described = [_row(checkpoint) for checkpoint in checkpoints]
        print(json.dumps({"suite": suite.suite, "version": suite.version, "checkpoints": described}, indent=1))
        return
    wide = {"size": 6, "architecture": 13, "mixture": 10}
    texts = [Column(title, is_name=True, least=least) for title, least in wide.items()]
    counted = [Column(title, left=True) for title in ("billion tokens", "checkpoints here")]
    columns = [Column("model", is_name=True), *texts, *counted]
    rows = []
    for model in suite.models:
        own = [checkpoint for checkpoint in checkpoints if checkpoint.model == model.id]
        span = f"{own[0].tokens / 1e9:.1f} to {own[-1].tokens / 1e9:.1f}"
        here = f"{sum(checkpoint.path.is_dir() for checkpoint in own)} of {len(own)}"
        rows.append([model.id, model.size, model.architecture, model.mixture, span, here])
    console = Console()
    console.print(Text(f"{suite.suite}: {suite.description}"))
    console.print(fitted_table("", columns, rows, console.width))


def _row(checkpoint: Checkpoint) -> dict[str, str | int | bool]:
    return {
        "model": checkpoint.model,
        "iteration": checkpoint.iteration,
        "tokens": checkpoint.tokens,
        "path": str(checkpoint.path),
        "present": checkpoint.path.is_dir(),
    }
