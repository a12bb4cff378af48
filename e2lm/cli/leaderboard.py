"""Write the public leaderboard of scored runs as a static site: open index.html, or copy the folder to any web host."""

from __future__ import annotations

import argparse
from pathlib import Path

from e2lm.edition.current import find_edition
from e2lm.leaderboard.build import earlier_contents, publish
from e2lm.leaderboard.fact_sheets import load_fact_sheets
from e2lm.leaderboard.scored_runs import load_runs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `e2lm leaderboard`."""
    parser.add_argument(
        "runs", type=Path, nargs="+", metavar="RUNS", help="folders that e2lm run wrote, or a folder of them"
    )
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="SITE", help="the site's folder")
    parser.add_argument("--entries", type=Path, metavar="FILE", help="entries.yaml or .json: teams and fact sheets")
    parser.add_argument(
        "--reveal",
        choices=("participant", "organizer"),
        default="participant",
        help="organizer: reports also show late checkpoints and the web-only model (default: participant)",
    )
    parser.epilog = "example: e2lm leaderboard build/demo -o build/site\nnext:    open build/site/index.html"


def main(args: argparse.Namespace) -> int:
    """Build the site and print its path."""
    earlier = earlier_contents(args.out)
    runs = load_runs(args.runs, load_fact_sheets(args.entries) if args.entries else {})
    current = find_edition()
    publish(runs, args.out, earlier, args.reveal, current.edition.title if current is not None else "")
    if current is not None:
        print(f"edition: {current}")
    print(f"{len(runs)} submissions\nsite: {args.out / 'index.html'}")
    return 0
