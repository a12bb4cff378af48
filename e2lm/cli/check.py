"""Check a submission: errors, warnings, the first items as the model reads them, and the time of a run."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from e2lm.cli.arguments import count
from e2lm.edition.current import CurrentEdition, find_edition, scored_suite
from e2lm.edition.schema import Worker
from e2lm.submissions.checks.calibration import calibrated
from e2lm.submissions.checks.check_text import errors_of, text_of
from e2lm.submissions.checks.this_machine import this_machine
from e2lm.submissions.summary import summarize
from e2lm.suites.registry import find_suite
from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.forecast.duration import largest_model
from e2lm_ingestion.forecast.hardware import KINDS, Machine, machine
from e2lm_ingestion.forecast.volume import Volume
from e2lm_ingestion.output_types.items import items_by_task
from e2lm_ingestion.submission.submission import open_submission
from e2lm_ingestion.suite import Suite, load_suite

THIS = "this"
SMALL = 50e6  # parameters; nobody runs a suite of such models on a GPU
PROCESSOR = "cpu"  # of this machine; edition.yaml means an assumed one of eight cores by it


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `e2lm check`."""
    parser.add_argument("submission", type=Path, help="a submission's folder or zip")
    parser.add_argument(
        "--suite",
        help="the suite of the token counts and the forecast: its name or suite.yaml (default: the edition's, on which "
        "uploads are scored)",
    )
    device = parser.add_mutually_exclusive_group()
    device.add_argument(
        "--gpu",
        choices=[*KINDS, THIS],
        help="the device of the forecast; cpu: this machine's processor; this: its GPU, if it has one; both are "
        "measured in about a second (default: the worker's, from edition.yaml; for models as small as the "
        "miniature's, a CPU of eight cores)",
    )
    device.add_argument(
        "--calibrate",
        type=Path,
        metavar="RUN",
        help="forecast for the machine of a run, from the times in its journal: a folder of e2lm run, over "
        "models of similar size, finished or not",
    )
    parser.add_argument(
        "--gpus",
        type=count,
        metavar="N",
        help="how many such devices, or with --calibrate how many processes (--workers) share the work (default: 1; "
        "without --gpu and --calibrate the worker's)",
    )
    parser.add_argument("--json", action="store_true", help="print the same as JSON")
    parser.epilog = (
        "examples: e2lm check my-task\n"
        "          e2lm check my-task --gpu A100 --gpus 4\n"
        "          e2lm check my-task --suite pythia-small --gpu cpu\n"
        "          e2lm check my-task --suite miniature --calibrate build/my-task\n"
        "next:     e2lm run my-task --suite miniature"
    )


def main(args: argparse.Namespace) -> int:
    """Check everything that can be checked without a model; the exit code is 2 where there are errors."""
    suite = load_suite(find_suite(scored_suite(args.suite)).suite)
    current = find_edition()
    worker, limit = _worker_and_limit(current, suite)
    try:
        with open_submission(args.submission) as submission:
            read_otherwise: list[str] = []
            tasks = items_by_task(submission, read_otherwise)
            machine_of = _machine_of(args, suite, worker)
            summary = summarize(
                submission, tasks, suite, machine_of, limit, read_otherwise, suite_is_chosen=bool(args.suite)
            )
    except SubmissionError as error:
        if args.json:
            print(json.dumps({"errors": list(map(str, error.args))}, indent=1))
        print("\n".join(errors_of(error)), file=sys.stderr)
        return 2
    if args.json:
        print(json.dumps({**summary, "edition": None if current is None else str(current)}, indent=1))
    else:
        print(*([] if current is None else [f"edition: {current}"]), text_of(summary, args.submission), sep="\n")
    return 0


def _worker_and_limit(current: CurrentEdition | None, suite: Suite) -> tuple[Worker, float | None]:
    """The workers of the edition, and the minutes that a sweep may take; the limit is for the edition's suite alone."""
    if current is None:
        return Worker(), None
    edition = current.edition
    scored = load_suite(find_suite(edition.suite).suite).suite
    return edition.worker, edition.sweep_minutes if scored == suite.suite else None


def _machine_of(args: argparse.Namespace, suite: Suite, worker: Worker) -> Callable[[Volume], Machine]:
    if args.calibrate is not None:
        return partial(calibrated, args.calibrate, suite, devices=args.gpus or 1)
    if args.gpu in (THIS, PROCESSOR):
        return lambda volume: this_machine(largest_model(suite), args.gpus or 1, processor=args.gpu == PROCESSOR)
    if args.gpu is None and largest_model(suite) < SMALL:
        return lambda volume: machine(PROCESSOR, args.gpus or 1)
    devices = args.gpus or (worker.gpus if args.gpu is None else 1)
    return lambda volume: machine(args.gpu or worker.gpu, devices)
