"""Score a finished run with another metric, without running a model."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from e2lm.edition.current import competition_name
from e2lm.runs.output_folder import writing
from e2lm.runs.run_folder import RunFolder
from e2lm.suites.registry import find_suite
from e2lm.terminal.browser import open_page
from e2lm.terminal.scores_table import print_scores
from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.results.rescoring import rescore
from e2lm_scoring.output import score


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `e2lm rescore`."""
    parser.add_argument("run", type=Path, metavar="RESULTS", help="the folder given to `e2lm run` as --out")
    parser.add_argument(
        "--metric", required=True, help="a metric, such as acc_norm; with --expression, the name of the new metric"
    )
    parser.add_argument("--expression", help='arithmetic over the choices, such as "ll[gold] - mean(ll[~gold])"')
    parser.add_argument("--filter", metavar="NAME", help="a filter of a generation task (default: the first)")
    parser.add_argument("--suite", help="a suite's name or suite.yaml (default: the one of the run)")
    parser.add_argument("-o", "--out", type=Path, metavar="FOLDER", help="the output folder (default: RESULTS-METRIC)")
    parser.add_argument("--open", action="store_true", help="open the report in the browser")
    parser.epilog = (
        "example: e2lm rescore build/my-task --metric acc_norm\n"
        "next:    e2lm compare build/my-task build/my-task-acc_norm"
    )


def main(args: argparse.Namespace) -> int:
    """Rescore, score, write the report; the last lines name the files."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", args.metric):
        raise SubmissionError(
            f"--metric {args.metric}: a metric's name has letters, digits, - _ and . ; give such a name"
        )
    run = RunFolder(args.run)
    results, suite = run.found_results, run.head().suite
    out = args.out or args.run.with_name(f"{args.run.name}-{args.metric}")
    if out.resolve() in (results.resolve(), args.run.resolve()):
        raise SubmissionError(f"{out}: --out is the run itself; give another folder")
    with writing(out):
        folder = RunFolder(out)
        rescored = folder.results
        rescore(results, args.metric, rescored, expression=args.expression, chain=args.filter)
        kept = run.scoring if args.suite is None and run.scoring.is_file() else None
        scoring = kept or find_suite(args.suite or suite).scoring
        report = score(rescored, scoring, out, competition=competition_name())
        print_scores(report, scores=folder.scores, report=folder.report)
    if args.open:
        open_page(folder.report)
    return 0
