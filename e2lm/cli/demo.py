"""The whole competition in miniature: train, sweep, score, leaderboard."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from rich.console import Console

from e2lm.project import EXAMPLE_SUBMISSIONS
from e2lm.runs.output_folder import writing
from e2lm.runs.run_folder import RunFolder
from e2lm.runs.single import run
from e2lm.suites.registry import SUITES
from e2lm.terminal.table import Column, fitted_table
from e2lm_ingestion.errors import naming
from e2lm_scoring.columns import BY_KEY, TOTAL_AND_COMPONENTS
from e2lm_scoring.score_report import ScoreReport

EXAMPLES = ("science-cloze", "science-letters", "web-trivia", "noise")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `e2lm demo`."""
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        default=Path("build/demo"),
        metavar="FOLDER",
        help="folder of the runs, their reports and leaderboard.json (default: build/demo)",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="delete the results of the four submissions in FOLDER, and start over"
    )
    parser.epilog = (
        "Takes minutes: the first time it trains seven small models, and keeps them.\nnext: e2lm new my-task"
    )


def main(args: argparse.Namespace) -> int:
    """Train the suite if it is missing, run the four example submissions, print and write the leaderboard."""
    with writing(args.out):
        score_reports = [
            run(EXAMPLE_SUBMISSIONS / name, SUITES["miniature"], args.out / name, overwrite=args.overwrite)[0]
            for name in EXAMPLES
        ]
        score_reports.sort(key=lambda score_report: (score_report.eligible, score_report.scores["score"]), reverse=True)
        board = [_row(score_report) for score_report in score_reports]
        with naming(args.out / "leaderboard.json") as path:
            path.write_text(json.dumps(board, indent=1) + "\n", encoding="utf-8")
    _print(board, args.out)
    return 0


def _row(score_report: ScoreReport) -> dict[str, str | float | bool]:
    scores = {key: score_report.scores[key] for key in TOTAL_AND_COMPONENTS}
    return {"submission": score_report.task, **scores, "eligible": score_report.eligible}


def _print(board: list[dict[str, str | float | bool]], out: Path) -> None:
    numbers = [Column(BY_KEY[key].symbol or key) for key in TOTAL_AND_COMPONENTS]
    columns = [Column("submission", is_name=True), *numbers, Column("eligible", left=True)]
    rows = []
    for row in board:
        scores = [f"{row[key]:.4f}" for key in TOTAL_AND_COMPONENTS]
        rows.append([str(row["submission"]), *scores, "yes" if row["eligible"] else "no"])
    console = Console()
    console.print(fitted_table("Leaderboard of the miniature competition", columns, rows, console.width))
    for row in board:
        print(f"report: {RunFolder(out / str(row['submission'])).report}")
    print(f"table:  {out / 'leaderboard.json'}")
    print("next:   e2lm new my-task")
