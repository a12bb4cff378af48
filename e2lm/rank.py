"""Rank the runs of one suite: places, ties within noise, prizes, and who has no place and why."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.text import Text

from e2lm.catalog import HOUSE
from e2lm.edition import read_edition
from e2lm.entries import Entry, load_entries
from e2lm.ranking_files import prize_text, rank_text, ranking_csv, ranking_json, ranking_markdown
from e2lm.rerun_index import failed_in
from e2lm.scored_runs import COMPONENTS, by_suite, load_runs
from e2lm.standing import Place, rank
from e2lm.terminal_table import Column, fitted_table
from e2lm_ingestion.errors import naming
from e2lm_scoring.errors import OrganizerError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `e2lm rank`."""
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUNS", help="folders of e2lm run, or a folder of them")
    parser.add_argument("--entries", type=Path, metavar="FILE", help="entries.yaml or .json: teams and fact sheets")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="for ranking.csv, ranking.json and ranking.md"
    )
    parser.epilog = "example: e2lm rank build/demo --out build/ranking"


def main(args: argparse.Namespace) -> int:
    """Print the ranking and write it as CSV, JSON and Markdown."""
    entries = load_entries(args.entries) if args.entries else {}
    failed = [row for folder in args.runs for row in failed_in(folder)]
    without_result = {row.name for row in failed}
    suites = by_suite(
        load_runs(args.runs, {name: entry for name, entry in entries.items() if name not in without_result})
    )
    if len(suites) > 1:
        raise OrganizerError(f"these are runs of {len(suites)} suites, {', '.join(suites)}: rank one suite at a time")
    runs, edition = next(iter(suites.values())), HOUSE / "edition.yaml"
    if edition.is_file():
        prizes = read_edition(edition).prizes
        places = rank(runs, prizes=prizes.teams, student_awards=prizes.students)
    else:
        places = rank(runs)
        print("no prizes: this installation of e2lm has no edition.yaml, the repository has")
    _print(places)
    for row in failed:
        print(f"{row.name} has no result: {row.reason}")
    failures = [(entries.get(row.name, Entry()).team or row.name, row) for row in failed]
    args.out.mkdir(parents=True, exist_ok=True)
    for name, content in (
        ("ranking.csv", ranking_csv(places)),
        ("ranking.json", ranking_json(places, failures)),
        ("ranking.md", ranking_markdown(places, failures)),
    ):
        with naming(args.out / name):
            (args.out / name).write_text(content, encoding="utf-8", errors="replace", newline="")
        print(f"{name}: {args.out / name}")
    return 0


def _print(places: list[Place]) -> None:
    first = places[0].run
    title = f"Ranking over {first.summary.suite}: {first.key} with 95 % intervals, = for ties within noise"
    columns = [column for column in COMPONENTS if column in first.draws and column != first.key]
    titles = [Column("place"), Column("submission", is_name=True), *map(Column, (first.key, *columns, "P(> next)"))]
    rows = []
    for place in places:
        run = place.run
        reach = run.summary.intervals[run.key]
        about = [run.team if run.team != run.summary.task else "", prize_text(place)]
        cells = [
            rank_text(place),
            "\n".join([run.summary.task, *filter(None, about)]),
            f"{run.summary.scores[run.key]:.4f}\n{reach.low:.2f} to {reach.high:.2f}",
            *(f"{run.summary.scores[column]:.3f}" for column in columns),
            "" if place.above_next is None else f"{place.above_next:.3f}",
        ]
        rows.append(cells)
    console = Console()
    console.print(fitted_table(title, titles, rows, console.width))
    for place in places:
        for reason in place.run.not_ranked:
            console.print(Text(f"{place.run.folder.name} has no place: {reason}"), soft_wrap=True)
