"""Write a submission from a task or group of an installed lm-evaluation-harness and data files of this machine."""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from pathlib import Path

from e2lm.cli.arguments import count, count_or_none
from e2lm.submissions.lm_eval_import import import_task
from e2lm_ingestion.errors import OrganizerError, SubmissionError, naming
from e2lm_ingestion.output_types.item_sets import item_set_of
from e2lm_ingestion.output_types.items import MAX_ITEMS
from e2lm_ingestion.submission.submission import open_submission


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `e2lm import-lm-eval`."""
    parser.add_argument("task", help="a task or group of lm-evaluation-harness, such as arc_easy or mmlu_continuation")
    parser.add_argument("folder", type=Path, help="where to write the submission; it must not exist")
    parser.add_argument(
        "--data",
        action="append",
        required=True,
        metavar="FOLDER|SPLIT=FILE",
        help="a folder with the data set's files, laid out as on the Hub; or, once for each split, its name in the "
        "task and its .jsonl, .json, .csv or .parquet file",
    )
    parser.add_argument(
        "--num-fewshot", type=count_or_none, metavar="N", help="examples before each item (default: the task's)"
    )
    parser.add_argument(
        "--limit",
        type=count,
        default=MAX_ITEMS,
        metavar="N",
        help=f"keep the first N items of a task (default: {MAX_ITEMS:,}, the most that a submission may have)",
    )
    parser.add_argument(
        "--metric",
        metavar="NAME",
        help="the metric, such as acc_norm, in place of the task's; the name of --expression",
    )
    parser.add_argument(
        "--expression",
        metavar="E",
        help='a metric as arithmetic over the choices, such as "ll[gold] - mean(ll[~gold])"',
    )
    parser.add_argument(
        "--include-path", type=Path, metavar="FOLDER", help="a folder of your own tasks, as for lm_eval"
    )
    parser.epilog = (
        "example: e2lm import-lm-eval arc_easy arc --data ai2_arc\n"
        "next:    e2lm check arc\n"
        "Needs lm-evaluation-harness: python -m pip install lm_eval"
    )


def main(args: argparse.Namespace) -> int:
    """Import the task, check the submission, and list the parts that could not be imported."""
    if args.folder.exists():
        raise OrganizerError(f"{args.folder}: exists already; give a new folder")
    metrics = [{"metric": args.metric or "expression"}] if args.metric or args.expression else None
    if metrics and args.expression:
        metrics[0]["expression"] = args.expression
    with tempfile.TemporaryDirectory(prefix="e2lm-") as cache:
        os.environ["HF_DATASETS_CACHE"] = cache
        part = Path(cache) / "submission"
        part.mkdir()
        lost = import_task(
            args.task,
            part,
            data=args.data,
            include_path=args.include_path,
            shots=args.num_fewshot,
            limit=args.limit,
            metrics=metrics,
        )
        items = _accepted(args.task, part)
        with naming(args.folder):
            shutil.move(part, args.folder)
    print(f"{args.folder}: {items:,} items of {args.task}")
    for line in lost:
        print(f"not imported: {line}")
    print(f"next: e2lm check {args.folder}")
    return 0


def _accepted(name: str, folder: Path) -> int:
    """The number of items. Raises SubmissionError, with the name of the task, where it makes no submission."""
    try:
        with open_submission(folder) as submission:
            return item_set_of(submission).count
    except SubmissionError as error:
        raise SubmissionError(*(f"{name} makes no submission as it is: {problem}" for problem in error.args)) from None
