"""Check a submission: errors, warnings, the first items as the model reads them, and the cost of a run."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from e2lm.submissions.checks import forecast
from e2lm.submissions.checks.terminal import errors_of, text_of
from e2lm.submissions.summary import summarize
from e2lm.suites.registry import find_suite
from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.output_types.items import items_by_task
from e2lm_ingestion.submission.submission import open_submission
from e2lm_ingestion.suite import load_suite


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `e2lm check`."""
    parser.add_argument("submission", type=Path, help="a submission's folder or zip")
    parser.add_argument(
        "--suite",
        default="e2lm-2025-full",
        help="the suite of the token counts and the forecast: its name or suite.yaml (default: e2lm-2025-full, on "
        "which uploads are scored)",
    )
    parser.add_argument(
        "--gpu", choices=list(forecast.GPUS), default="A100", help="the GPU of the forecast (default: A100)"
    )
    parser.add_argument("--json", action="store_true", help="print the same as JSON")
    parser.epilog = "example: e2lm check my-task\nnext:    e2lm run my-task --suite miniature"


def main(args: argparse.Namespace) -> int:
    """Check everything that can be checked without a model; the exit code is 2 where there are errors."""
    suite = load_suite(find_suite(args.suite).suite)
    try:
        with open_submission(args.submission) as submission:
            read_otherwise: list[str] = []
            tasks = items_by_task(submission, read_otherwise)
            summary = summarize(submission, tasks, suite, args.gpu, read_otherwise)
    except SubmissionError as error:
        if args.json:
            print(json.dumps({"errors": list(map(str, error.args))}, indent=1))
        print("\n".join(errors_of(error)), file=sys.stderr)
        return 2
    print(json.dumps(summary, indent=1) if args.json else text_of(summary, args.submission))
    return 0
