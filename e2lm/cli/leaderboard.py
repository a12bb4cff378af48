"""Write the public leaderboard of runs, and the competition's home page, as a static site for any web host."""

from __future__ import annotations

import argparse
from pathlib import Path

from e2lm.edition.current import competition_name, found_edition
from e2lm.leaderboard.build import earlier_contents, publish
from e2lm.leaderboard.edition_page import read_home
from e2lm.leaderboard.fact_sheets import load_fact_sheets
from e2lm.leaderboard.scored_runs import load_runs
from e2lm.leaderboard.site.pages import HOME


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
    current = found_edition()
    home = read_home(current.path) if current is not None else None
    board = publish(runs, args.out, earlier, args.reveal, home, competition_name())
    print(f"{len(runs)} submissions\nsite: {args.out / HOME}")
    if current is not None:
        print(f"board: {args.out / board}\nedition: {current}")
    return 0
