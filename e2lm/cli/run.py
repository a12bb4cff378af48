"""Run a submission on every checkpoint of a suite and score it."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from e2lm.cli.arguments import count, positive
from e2lm.runs.single import run
from e2lm.suites.registry import find_suite
from e2lm.terminal.scores_table import print_scores
from e2lm_ingestion.engines import ENGINES
from e2lm_ingestion.suite import load_suite
from e2lm_scoring.inputs.configuration import load_configuration


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
    score_report = run(
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
    print_scores(score_report, out)
    print(f"next:   open the report in a browser, then e2lm pack {shlex.quote(str(args.submission))}")
    return 0


def _default_out(submission: Path, suite: str) -> Path:
    """A folder for each submission and suite, as results of two are not mixed: who tried one may go on to the other."""
    name = submission.stem if submission.suffix == ".zip" else submission.name
    return Path("build") / (name if suite == "miniature" else f"{name}-{suite}")
