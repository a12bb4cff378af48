"""Run a submission on every checkpoint of a suite and score it."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path

from e2lm.cli.arguments import count, positive
from e2lm.runs.lm_eval_output import write_lm_eval_output
from e2lm.runs.run_folder import RunFolder
from e2lm.runs.single import run
from e2lm.submissions.empty_question import SUFFIX, empty_question
from e2lm.suites.registry import find_suite
from e2lm.terminal.browser import open_page
from e2lm.terminal.metrics_table import print_metrics
from e2lm.terminal.scores_table import print_scores, scores_as_json
from e2lm_ingestion.engines import ENGINES
from e2lm_ingestion.suite import load_suite
from e2lm_scoring.inputs.configuration import load_configuration
from e2lm_scoring.own_machine import OwnMachine
from e2lm_scoring.report.advice import advise
from e2lm_scoring.score_report import ScoreReport

ADVICE = 3  # lines of advice that are printed; the report has all


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `e2lm run`."""
    parser.add_argument("submission", type=Path, help="a submission's folder or zip")
    parser.add_argument(
        "--suite", default="miniature", help="a suite's name or suite.yaml (default: miniature; see e2lm suite list)"
    )
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        metavar="FOLDER",
        help="folder of results, scores and report; run again to resume (default: build/SUBMISSION, or "
        "build/SUBMISSION-SUITE for a suite other than miniature)",
    )
    parser.add_argument("--engine", choices=ENGINES, default="auto", help="auto: vllm with a GPU, else transformers")
    parser.add_argument(
        "--dtype",
        default="auto",
        help="auto, float32, bfloat16 or float16 (default: auto: float32 on a CPU, bfloat16 on a GPU that supports "
        "it, else float16)",
    )
    parser.add_argument(
        "--workers",
        type=count,
        metavar="N",
        help="processes to run in parallel, at most four per GPU or, without a GPU, one per core (default: one to "
        "three for each GPU, depending on the size of the models and the number of cores)",
    )
    parser.add_argument(
        "--disk-budget",
        type=positive,
        metavar="GB",
        help="fetch missing checkpoints from the Hub, one ahead of its use, and keep at most this many GB of them",
    )
    parser.add_argument("--overwrite", action="store_true", help="delete the results that FOLDER holds, and start over")
    parser.add_argument(
        "--lm-eval-output",
        type=Path,
        metavar="DIR",
        help="also write results_*.json and samples_*.jsonl as lm_eval --log_samples does, for tools that read those",
    )
    parser.add_argument(
        "--deadline",
        type=positive,
        metavar="MINUTES",
        help="stop before this many minutes have passed; run again to resume",
    )
    parser.add_argument(
        "--empty-question",
        action="store_true",
        help="the control experiment: run a copy whose questions are empty; what still improves is answered without "
        "them (default FOLDER: the submission's with -empty-question)",
    )
    parser.add_argument("--json", action="store_true", help="print scores, advice and other metrics as JSON alone")
    parser.add_argument("--open", action="store_true", help="open the report in the browser")
    parser.epilog = (
        "examples: e2lm run my-task\n"
        "          e2lm run my-task --suite SUITE --disk-budget 40\n"
        "next:     e2lm pack my-task, or e2lm compare with another run"
    )


def main(args: argparse.Namespace) -> int:
    """Sweep, score, write the report; the last lines name the files."""
    deadline = args.deadline * 60 if args.deadline else None
    suite = find_suite(args.suite)
    load_configuration(suite.scoring)  # reports a mistake in scoring.yaml before the sweep, not after it
    out = args.out or _default_out(args.submission.resolve(), load_suite(suite.suite).suite, args.empty_question)
    asked = empty_question(args.submission) if args.empty_question else nullcontext(args.submission)
    with redirect_stdout(sys.stderr) if args.json else nullcontext(), asked as submission:
        score_report, own_machine = run(
            submission,
            suite,
            out,
            engine=args.engine,
            dtype=args.dtype,
            workers=args.workers,
            disk_budget=args.disk_budget,
            deadline=deadline,
            overwrite=args.overwrite,
        )
        folder = RunFolder(out)
        if args.lm_eval_output is not None:
            written = write_lm_eval_output(submission, suite.suite, folder.results, args.lm_eval_output)
            print(f"lm_eval: {args.lm_eval_output}: {len(written)} results_*.json, with samples")
    if args.json:
        print(json.dumps(scores_as_json(score_report, own_machine, folder.report), indent=1))
    else:
        _print(score_report, own_machine, folder)
        then = (
            "e2lm compare with the run of the submission itself"
            if args.empty_question
            else f"e2lm pack {shlex.quote(str(args.submission))}"
        )
        print(f"next:   open the report in a browser, then {then}")
    if args.open:
        open_page(folder.report)
    return 0


def _print(score_report: ScoreReport, own_machine: OwnMachine, folder: RunFolder) -> None:
    print_metrics(own_machine.metrics, has_total="score" in score_report.scores)
    for advice in advise(score_report, own_machine)[:ADVICE]:
        print(f"advice: {advice.title}: {advice.what} {advice.do}")
    print_scores(score_report, scores=folder.scores, report=folder.report)


def _default_out(submission: Path, suite: str, is_control: bool) -> Path:
    """A folder for each submission and suite, since runs over two suites cannot share one."""
    name = (submission.stem if submission.suffix == ".zip" else submission.name) + (SUFFIX if is_control else "")
    return Path("build") / (name if suite == "miniature" else f"{name}-{suite}")
