"""Rank the runs of one suite: ties within noise, prizes, and why a run is not ranked."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from e2lm.edition.current import find_edition
from e2lm.leaderboard.export import prize_text, rank_text, ranking_csv, ranking_json, ranking_markdown
from e2lm.leaderboard.fact_sheets import FactSheet, load_fact_sheets
from e2lm.leaderboard.ranking import RankedRun, rank
from e2lm.leaderboard.scored_runs import by_suite, load_runs
from e2lm.runs.manifest import failed_in
from e2lm.submissions.judging.verdicts import read_answers, wrong_keys
from e2lm.terminal.table import Column, fitted_table
from e2lm_ingestion.errors import naming
from e2lm_scoring.columns import COMPONENTS
from e2lm_scoring.errors import OrganizerError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `e2lm rank`."""
    parser.add_argument(
        "runs", type=Path, nargs="+", metavar="RUNS", help="folders that e2lm run wrote, or a folder of them"
    )
    parser.add_argument("--entries", type=Path, metavar="FILE", help="entries.yaml or .json: teams and fact sheets")
    parser.add_argument(
        "--judged",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="answers that e2lm judge wrote: no prize where too many marked answers are wrong",
    )
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="folder of ranking.csv, ranking.json and ranking.md",
    )
    parser.add_argument("--json", action="store_true", help="print the content of ranking.json alone")
    parser.epilog = "example: e2lm rank build/demo --out build/ranking"


def main(args: argparse.Namespace) -> int:
    """Print the ranking and write it as CSV, JSON and Markdown."""
    fact_sheets = load_fact_sheets(args.entries) if args.entries else {}
    failed = [row for folder in args.runs for row in failed_in(folder)]
    without_result = {row.name for row in failed}
    suites = by_suite(
        load_runs(
            args.runs,
            {name: fact_sheet for name, fact_sheet in fact_sheets.items() if name not in without_result},
            _wrong_keys(args.judged),
        )
    )
    if len(suites) > 1:
        raise OrganizerError(f"these are runs of {len(suites)} suites, {', '.join(suites)}: rank one suite at a time")
    runs, current = next(iter(suites.values())), find_edition()
    if current is not None:
        prizes = current.edition.prizes
        ranked_runs = rank(runs, prizes=prizes.teams, student_awards=prizes.students, currency=prizes.currency)
    else:
        ranked_runs = rank(runs)
        print(
            "no prizes: there is no edition.yaml here; --edition FILE names it",
            file=sys.stderr if args.json else sys.stdout,
        )
    if not args.json:
        _print(ranked_runs)
        for row in failed:
            print(f"{row.name} has no result: {row.reason}")
    failures = [(fact_sheets.get(row.name, FactSheet()).team or row.name, row) for row in failed]
    args.out.mkdir(parents=True, exist_ok=True)
    for name, content in (
        ("ranking.csv", ranking_csv(ranked_runs)),
        ("ranking.json", ranking_json(ranked_runs, failures)),
        ("ranking.md", ranking_markdown(ranked_runs, failures)),
    ):
        with naming(args.out / name):
            (args.out / name).write_text(content, encoding="utf-8", errors="replace", newline="")
        if not args.json:
            print(f"{name}: {args.out / name}")
    if args.json:
        print(ranking_json(ranked_runs, failures), end="")
    elif current is not None:
        print(f"edition: {current}")
    return 0


def _wrong_keys(files: Sequence[Path]) -> dict[str, str]:
    found: dict[str, str] = {}
    for file in files:
        if not file.is_file():
            raise OrganizerError(f"--judged {file}: no such file; give one that e2lm judge wrote")
        found |= wrong_keys(read_answers(file), str(file))
    return found


def _print(ranked_runs: list[RankedRun]) -> None:
    first = ranked_runs[0].run
    title = f"Ranking over {first.summary.suite}: {first.key} with 95 % intervals, = for ties within noise"
    columns = [column for column in COMPONENTS if column in first.draws and column != first.key]
    titles = [
        Column("rank"),
        Column("submission", is_name=True),
        *map(Column, (first.key, "shrunken", *columns, "P(> next)")),
    ]
    rows = []
    for ranked_run in ranked_runs:
        run = ranked_run.run
        interval = run.summary.intervals[run.key]
        about = [run.team if run.team != run.summary.task else "", prize_text(ranked_run)]
        cells = [
            rank_text(ranked_run),
            "\n".join([run.summary.task, *filter(None, about)]),
            f"{run.summary.scores[run.key]:.4f}\n{interval.low:.2f} to {interval.high:.2f}",
            "" if ranked_run.shrunken is None else f"{ranked_run.shrunken:.4f}",
            *(f"{run.summary.scores[column]:.3f}" for column in columns),
            "" if ranked_run.above_next is None else f"{ranked_run.above_next:.3f}",
        ]
        rows.append(cells)
    console = Console()
    console.print(fitted_table(title, titles, rows, console.width))
    for ranked_run in ranked_runs:
        for finding in ranked_run.run.withheld if not ranked_run.run.not_ranked else ():
            told = f"{ranked_run.run.folder.name} gets no prize until an organizer clears it in entries.yaml: {finding}"
            console.print(Text(told), soft_wrap=True)
        for reason in ranked_run.run.not_ranked:
            console.print(Text(f"{ranked_run.run.folder.name} is not ranked: {reason}"), soft_wrap=True)
