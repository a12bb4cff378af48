"""Run a submission on every checkpoint of a suite and score it."""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from e2lm.arguments import count, positive
from e2lm.catalog import SuiteFiles, find_suite
from e2lm.output_folder import writing
from e2lm.progress import progress_bar
from e2lm.scores_text import print_scores
from e2lm.suite import fetch
from e2lm_ingestion.engines import ENGINES, make_engine
from e2lm_ingestion.prompts import items_by_task
from e2lm_ingestion.runners import visible_gpus
from e2lm_ingestion.submission import Submission, open_submission
from e2lm_ingestion.suite import Suite, checkpoints_root, load_suite
from e2lm_ingestion.sweep import Progress, is_finished, sweep
from e2lm_scoring.configuration import load_configuration
from e2lm_scoring.errors import OrganizerError
from e2lm_scoring.evaluation import Evaluation
from e2lm_scoring.outcome import forget, leave_failure, score

if TYPE_CHECKING:
    from e2lm.loan import Loan


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `e2lm run`."""
    parser.add_argument("submission", type=Path, help="a submission's folder or zip")
    parser.add_argument(
        "--suite", default="miniature", help="a suite's name or suite.yaml (default: miniature; see e2lm suite list)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="for results, scores and report; run again to resume (default: build/ and the submission's name; on "
        "another suite than miniature with that suite's name too)",
    )
    parser.add_argument("--engine", choices=ENGINES, default="auto", help="auto: vllm with a GPU, else transformers")
    parser.add_argument(
        "--dtype",
        default="auto",
        help="auto, float32, bfloat16 or float16 (default: auto: float32 on a CPU, bfloat16 on a GPU that has it, "
        "else float16)",
    )
    parser.add_argument(
        "--workers",
        type=count,
        metavar="N",
        help="processes side by side, up to the number of GPUs or, without one, of cores (default: one for each GPU)",
    )
    parser.add_argument(
        "--disk-budget",
        type=positive,
        metavar="GB",
        help="fetch missing checkpoints from the Hub, each one ahead of its use, and keep at most so many GB of them",
    )
    parser.add_argument("--overwrite", action="store_true", help="delete the results that FOLDER holds, and start over")
    parser.add_argument(
        "--deadline", type=positive, metavar="MINUTES", help="stop before so many minutes are over; run again to go on"
    )
    parser.epilog = (
        "examples: e2lm run my-task\n"
        "          e2lm run my-task --suite e2lm-2025 --disk-budget 40\n"
        "next:     e2lm pack my-task, or e2lm compare with another run"
    )


def main(args: argparse.Namespace) -> int:
    """Sweep, score, report; the last lines say where everything is."""
    deadline = args.deadline * 60 if args.deadline else None
    suite = find_suite(args.suite)
    load_configuration(suite.scoring)  # a mistake there is said before the sweep, not after it
    out = args.out or _default_out(args.submission.resolve(), load_suite(suite.suite).suite)
    evaluation = run(
        args.submission,
        suite,
        out,
        engine=args.engine,
        dtype=args.dtype,
        workers=args.workers,
        disk_budget=args.disk_budget,
        deadline=deadline,
        overwrite=args.overwrite,
    )
    print_scores(evaluation, out)
    print(f"next:   open the report in a browser, then e2lm pack {shlex.quote(str(args.submission))}")
    return 0


def _default_out(submission: Path, suite: str) -> Path:
    """A folder for each submission and suite, as results of two are not mixed: who tried one may go on to the other."""
    name = submission.stem if submission.suffix == ".zip" else submission.name
    return Path("build") / (name if suite == "miniature" else f"{name}-{suite}")


def run(
    submission_path: Path,
    suite_files: SuiteFiles,
    out: Path,
    *,
    engine: str = "auto",
    dtype: str = "auto",
    workers: int | None = None,
    disk_budget: float | None = None,
    deadline: float | None = None,
    overwrite: bool = False,
) -> Evaluation:
    """Leave results, scores.json, items.parquet and detailed_results.html in `out`; resumes what was killed.

    What is finished is not computed again but scored, which is a matter of seconds. With a `disk_budget` in GB,
    checkpoints that are missing here are borrowed from the Hub. With `overwrite`, what `out` holds is deleted once the
    submission is known to be right.
    """
    suite = load_suite(suite_files.suite)
    root, results = checkpoints_root(), out / "results"
    _refuse_its_own_folder(submission_path, out)
    with open_submission(submission_path) as submission, writing(out):
        if overwrite:
            items_by_task(submission)
            forget(out)
            if any((results / name).is_file() for name in ("progress.jsonl", "results.json")):
                shutil.rmtree(results)
        if is_finished(submission, suite, results, root=root, engine=engine, dtype=dtype):
            print(
                f"{out}: {submission.name} is finished on every checkpoint of {suite.suite}; nothing is computed again"
            )
        else:
            _train_if_needed(suite, root, submission)
            loan = None if disk_budget is None else borrowed(suite, disk_budget, workers)
            with progress_bar(submission.name) as update:
                sweep(
                    submission,
                    suite,
                    root=root,
                    results=results,
                    make_engine=partial(make_engine, engine, dtype, suite.context_length),
                    loan=loan,
                    workers=workers,
                    deadline=deadline,
                    on_progress=lambda progress: update(progress.done, progress.total, _detail(progress)),
                )
        try:
            return score(results, suite_files.scoring, out)
        except OrganizerError as error:
            leave_failure(error, out)
            raise


def _refuse_its_own_folder(submission: Path, out: Path) -> None:
    if submission.is_dir() and out.resolve() == submission.resolve():
        raise OrganizerError(f"{out}: --out is the submission's own folder; give another, such as {out / 'build'}")


def _train_if_needed(suite: Suite, root: Path, submission: Submission) -> None:
    """Train the miniature suite where a model of it is missing; what is damaged is named by the sweep instead."""
    if suite.suite == "miniature" and not all((root / model.source).is_dir() for model in suite.models):
        items_by_task(submission)  # a mistake is said before minutes of training
        fetch("miniature")


def borrowed(suite: Suite, disk_budget: float, workers: int | None) -> Loan:
    """A loan of `disk_budget` GB from the Hub, for one or more engines. Raises OrganizerError naming what is wrong."""
    from e2lm.loan import GIGABYTE, Loan

    if suite.suite == "miniature":
        raise OrganizerError(
            "--disk-budget is for suites on the Hub, and the miniature one is trained here; leave it out"
        )
    print(f"{suite.suite}: asking the Hub for its checkpoints", file=sys.stderr)
    return Loan(suite, checkpoints_root(), int(disk_budget * GIGABYTE), workers or len(visible_gpus()) or 1)


def _detail(progress: Progress) -> str:
    origin = "already done" if progress.resumed else f"{progress.seconds:.2f} s"
    return f"{progress.checkpoint}: {progress.score:.4f}, {origin}"
