"""List, download and rerun the submissions of a phase on Codabench."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from e2lm.cli.arguments import count
from e2lm.codabench.client import PASSWORD_VARIABLE, TOKEN_VARIABLE, USER_VARIABLE, Codabench, Submitted
from e2lm.codabench.phase import FACTS, choose, fetch, rerun
from e2lm.spreadsheet import csv_text
from e2lm.terminal.table import Column, fitted_table
from e2lm_ingestion.errors import OrganizerError, naming
from e2lm_scoring.columns import TOTAL_AND_COMPONENTS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `e2lm codabench`."""
    parser.add_argument("action", choices=["list", "fetch", "rerun"], help="list, download, or run again")
    parser.add_argument("phase", type=count, help="the phase's number (phase= in the requests of the site)")
    parser.add_argument("ids", type=int, nargs="*", metavar="ID", help="only these submissions")
    parser.add_argument(
        "--url", default="https://www.codabench.org", help="the site (default: https://www.codabench.org)"
    )
    parser.add_argument("--all", action="store_true", help="every submission, not only those on the leaderboard")
    parser.add_argument("-o", "--out", type=Path, help="list: a CSV file of the scores; fetch: the folder to fill")
    parser.add_argument(
        "--results",
        type=Path,
        metavar="FOLDER",
        help="fetch: also save the output of ingestion here, for e2lm rerun --development",
    )
    parser.add_argument("--yes", action="store_true", help="rerun: do it; without it, only list what would be rerun")
    parser.epilog = (
        "example: e2lm codabench fetch PHASE --out submissions\n"
        f"Signs in with the token in {TOKEN_VARIABLE},\n"
        f"or with {USER_VARIABLE} and {PASSWORD_VARIABLE}, from the environment.\n"
        "list and fetch change nothing on the site."
    )


def main(args: argparse.Namespace) -> int:
    """List, download or rerun the chosen submissions."""
    if args.action == "fetch" and args.out is None:
        raise OrganizerError("fetch needs --out, the folder to fill")
    client = Codabench(args.url)
    try:
        chosen = choose(client.submissions(args.phase), args.ids, everything=args.all)
        if args.action == "list":
            show(chosen, args.out)
        elif args.action == "fetch":
            fetch(client, chosen, args.phase, args.out, args.results)
        else:
            rerun(client, chosen, args.out, really=args.yes)
    finally:
        client.close()
    return 0


def show(chosen: Sequence[Submitted], out: Path | None) -> None:
    """Print a table; with `out`, write all scores to this CSV file."""
    columns = sorted({key for one in chosen for key in one.scores})
    main_columns = [key for key in TOTAL_AND_COMPONENTS if key in columns] or columns[:4]
    names = [Column("owner", is_name=True), Column("team", is_name=True)]
    columns_shown = [Column("id"), *names, Column("status", left=True), *map(Column, main_columns), Column("board")]
    rows = []
    for one in chosen:
        scores = [f"{one.scores[key]:.4f}" if key in one.scores else "-" for key in main_columns]
        team = one.answers.get(FACTS["team"], "")
        board = "yes" if one.on_leaderboard else "no"
        rows.append([str(one.id), one.owner, team[:40], one.status, *scores, board])
    console = Console()
    console.print(fitted_table("", columns_shown, rows, console.width))
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        lines = [{**one.scores, **asdict(one), "team": one.answers.get(FACTS["team"], "")} for one in chosen]
        text = csv_text(lines, ["id", "owner", "team", "status", "created", *columns])
        with naming(out):
            out.write_text(text, encoding="utf-8", newline="")
        print(f"scores: {out}")
