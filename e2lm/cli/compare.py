"""Compare runs over the same suite: scores with intervals side by side, and the probability of their order."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from e2lm.edition.current import competition_name
from e2lm.runs.comparison import Run, load_run, probability, told_apart
from e2lm.runs.comparison_page import render_comparison
from e2lm.runs.run_folder import RunFolder
from e2lm.suites.registry import find_suite
from e2lm.terminal.browser import open_page
from e2lm.terminal.table import Column, fitted_table
from e2lm_ingestion.errors import naming
from e2lm_scoring.columns import TOTAL_AND_COMPONENTS, ranked_by
from e2lm_scoring.errors import OrganizerError
from e2lm_scoring.inputs.configuration import load_configuration
from e2lm_scoring.score_report import ScoreReport


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `e2lm compare`."""
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="a folder that e2lm run wrote")
    parser.add_argument("--suite", help="a suite's name or suite.yaml (default: the suite that the first run names)")
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        default=Path("comparison.html"),
        metavar="HTML",
        help="the page (default: comparison.html)",
    )
    parser.add_argument("--json", action="store_true", help="print scores and probabilities as JSON alone")
    parser.add_argument("--open", action="store_true", help="open the page in the browser")
    parser.epilog = "example: e2lm compare build/my-task build/other-task"


def main(args: argparse.Namespace) -> int:
    """Print the runs, best first, and P(A > B) of every two; write the same as an HTML page."""
    if len(args.runs) < 2:
        raise OrganizerError("one run alone cannot be compared: give two or more folders that e2lm run wrote")
    suites = [RunFolder(folder).head().suite for folder in args.runs]
    for folder, own in zip(args.runs, suites, strict=True):
        if own != suites[0]:
            raise OrganizerError(
                f"{folder}: a run over {own}, but {args.runs[0]} is one over {suites[0]}; compare runs over one suite"
            )
    suite = find_suite(args.suite or suites[0])
    configuration = load_configuration(suite.scoring)
    runs = told_apart([load_run(folder, configuration) for folder in args.runs], args.runs)
    key = ranked_by(runs[0].score_report.scores)
    runs.sort(key=lambda run: run.score_report.scores[key], reverse=True)
    chances = [[None if one is other else probability(one, other, key) for other in runs] for one in runs]
    if not args.json:
        _print(runs, key, chances)
    named = [(run.name, run.score_report) for run in runs]
    page = render_comparison(named, key, chances, configuration.signal_models, competition_name())
    args.out.parent.mkdir(parents=True, exist_ok=True)
    with naming(args.out):
        args.out.write_text(page, encoding="utf-8")
    if args.json:
        print(json.dumps(_as_json(runs, key, chances, args.out), indent=1))
    else:
        print(f"page: {args.out}")
    if args.open:
        open_page(args.out)
    return 0


def _as_json(runs: list[Run], key: str, chances: list[list[float | None]], page: Path) -> dict[str, Any]:
    """The runs, best first, each with the probability that its score is above that of each run."""
    names = [run.name for run in runs]
    rows = [
        {
            "run": run.name,
            "items": run.score_report.items,
            "eligible": run.score_report.eligible,
            "scores": run.score_report.scores,
            "intervals": {name: asdict(interval) for name, interval in run.score_report.intervals.items()},
            "probability_above": {
                other: chance for other, chance in zip(names, row, strict=True) if chance is not None
            },
        }
        for run, row in zip(runs, chances, strict=True)
    ]
    return {"ranked_by": key, "runs": rows, "page": str(page)}


def _print(runs: list[Run], key: str, chances: list[list[float | None]]) -> None:
    console = Console()
    columns = [column for column in TOTAL_AND_COMPONENTS if any(column in run.score_report.scores for run in runs)]
    titles = [Column("run", is_name=True), *map(Column, (*columns, "items", "eligible"))]
    rows = []
    for run in runs:
        score_report = run.score_report
        cells = [_cell(score_report, column) for column in columns]
        rows.append([run.name, *cells, f"{score_report.items:,}", "yes" if score_report.eligible else "no"])
    title = "Scores with 95 % intervals over the choice of items"
    console.print(fitted_table(title, titles, rows, console.width))
    titles = [Column("", is_name=True), *(Column(str(number)) for number in range(1, len(runs) + 1))]
    rows = [
        [f"{number} {run.name}", *("" if chance is None else f"{chance:.3f}" for chance in row)]
        for number, (run, row) in enumerate(zip(runs, chances, strict=True), start=1)
    ]
    console.print(fitted_table(f"P({key} of the row > {key} of the column)", titles, rows, console.width))


def _cell(score_report: ScoreReport, column: str) -> str:
    if column not in score_report.scores:
        return "-"
    interval = score_report.intervals[column]
    return f"{score_report.scores[column]:.4f}\n{interval.low:.2f} to {interval.high:.2f}"
