"""Compare runs over the same suite: scores with intervals side by side, and how sure their order is."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from e2lm.catalog import find_suite
from e2lm.comparison_page import render_comparison
from e2lm.folders import results_folder
from e2lm.terminal_table import Column, fitted_table
from e2lm_ingestion.errors import naming
from e2lm_scoring.configuration import Configuration, load_configuration
from e2lm_scoring.errors import OrganizerError
from e2lm_scoring.evaluation import Evaluation
from e2lm_scoring.results import read_results
from e2lm_scoring.scores import evaluate_results
from e2lm_scoring.uncertainty import Bootstrap, probability_greater

SHOWN = ("score", "sq", "rc", "cs")


@dataclass(frozen=True, slots=True)
class Run:
    """One scored run."""

    name: str
    evaluation: Evaluation
    drawn: Bootstrap
    submission: str  # its digest: runs of the same items are compared draw by draw


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `e2lm compare`."""
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="a folder that e2lm run left")
    parser.add_argument("--suite", help="a suite's name or suite.yaml (default: the suite that the first run names)")
    parser.add_argument(
        "--out", type=Path, default=Path("comparison.html"), metavar="HTML", help="the page (default: comparison.html)"
    )
    parser.epilog = "example: e2lm compare build/my-task build/other-task"


def main(args: argparse.Namespace) -> int:
    """Print the runs, best first, and P(A > B) of every two; draw the same into one HTML file."""
    if len(args.runs) < 2:
        raise OrganizerError("one run alone cannot be compared: give two or more folders that e2lm run left")
    suites = [_suite_of(results_folder(folder)) for folder in args.runs]
    for folder, own in zip(args.runs, suites, strict=True):
        if own != suites[0]:
            raise OrganizerError(
                f"{folder}: a run over {own}, but {args.runs[0]} is one over {suites[0]}; compare runs over one suite"
            )
    suite = find_suite(args.suite or suites[0])
    configuration = load_configuration(suite.scoring)
    runs = _named([_load(folder, configuration) for folder in args.runs], args.runs)
    key = "score" if all("score" in run.evaluation.scores for run in runs) else "sq"
    runs.sort(key=lambda run: run.evaluation.scores[key], reverse=True)
    chances = [[None if one is other else probability(one, other, key) for other in runs] for one in runs]
    _print(runs, key, chances)
    page = render_comparison([(run.name, run.evaluation) for run in runs], key, chances, configuration.signal_models)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    with naming(args.out):
        args.out.write_text(page, encoding="utf-8")
    print(f"page: {args.out}")
    return 0


def probability(one: Run, other: Run, key: str) -> float:
    """P(one > other) in a score, had the items been others from the same sources."""
    return probability_greater(
        one.evaluation.scores[key],
        one.drawn.scores[key],
        other.evaluation.scores[key],
        other.drawn.scores[key],
        paired=one.submission == other.submission,
    )


def _suite_of(results: Path) -> str:
    try:
        return str(json.loads((results / "results.json").read_text(encoding="utf-8"))["suite"])
    except (OSError, ValueError, KeyError, TypeError):
        raise OrganizerError(
            f"{results / 'results.json'}: missing or not readable; give a folder that e2lm run left"
        ) from None


def _load(folder: Path, configuration: Configuration) -> Run:
    results = read_results(results_folder(folder), configuration)
    evaluation, drawn = evaluate_results(results, configuration)
    return Run(evaluation.task, evaluation, drawn, results.file.submission.sha256)


def _named(runs: list[Run], folders: list[Path]) -> list[Run]:
    """The runs under their tasks' names, with the folder where two have the same."""
    count = Counter(run.name for run in runs)
    return [
        run if count[run.name] == 1 else Run(f"{run.name} ({folder})", run.evaluation, run.drawn, run.submission)
        for run, folder in zip(runs, folders, strict=True)
    ]


def _print(runs: list[Run], key: str, chances: list[list[float | None]]) -> None:
    console = Console()
    columns = [column for column in SHOWN if any(column in run.evaluation.scores for run in runs)]
    titles = [Column("run", is_name=True), *map(Column, (*columns, "items", "eligible"))]
    rows = []
    for run in runs:
        evaluation = run.evaluation
        cells = [_cell(evaluation, column) for column in columns]
        rows.append([run.name, *cells, f"{evaluation.items:,}", "yes" if evaluation.eligible else "no"])
    title = "Scores with 95 % intervals over the choice of items"
    console.print(fitted_table(title, titles, rows, console.width))
    titles = [Column("", is_name=True), *(Column(str(number)) for number in range(1, len(runs) + 1))]
    rows = [
        [f"{number} {run.name}", *("" if chance is None else f"{chance:.3f}" for chance in row)]
        for number, (run, row) in enumerate(zip(runs, chances, strict=True), start=1)
    ]
    console.print(fitted_table(f"P({key} of the row > {key} of the column)", titles, rows, console.width))


def _cell(evaluation: Evaluation, column: str) -> str:
    if column not in evaluation.scores:
        return "-"
    interval = evaluation.intervals[column]
    return f"{evaluation.scores[column]:.4f}\n{interval.low:.2f} to {interval.high:.2f}"
