"""Run many submissions on every checkpoint of a suite, loading each checkpoint once, and score them."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from e2lm.cli.arguments import count, positive
from e2lm.runs.batch import rerun
from e2lm.runs.drift import report_drift
from e2lm.runs.manifest import INDEX
from e2lm.suites.registry import find_suite
from e2lm_ingestion.engines import ENGINES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `e2lm rerun`."""
    parser.add_argument("submissions", type=Path, nargs="+", help="zips or folders of submissions, or folders of them")
    parser.add_argument("--suite", default="miniature", help="a suite's name or suite.yaml (default: miniature)")
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="gets a folder for each submission; run again to resume",
    )
    parser.add_argument("--engine", choices=ENGINES, default="auto", help="auto: vllm with a GPU, else transformers")
    parser.add_argument("--dtype", default="auto", help="auto, float32, bfloat16 or float16 (default: auto)")
    parser.add_argument(
        "--workers",
        type=count,
        metavar="N",
        help="engines to run in parallel, up to four on a GPU (default: as for e2lm run; with --ray, one for each GPU)",
    )
    parser.add_argument("--ray", metavar="ADDRESS", help="run on this Ray cluster; local starts one here")
    parser.add_argument(
        "--disk-budget",
        type=positive,
        metavar="GB",
        help="fetch missing checkpoints from the Hub, one ahead of its use, and keep at most this many GB of them",
    )
    parser.add_argument(
        "--development", type=Path, metavar="FOLDER", help="folder of earlier runs: report differences from them"
    )
    parser.epilog = (
        "example: e2lm rerun submissions --suite SUITE --out final\n"
        "next:    e2lm rank final --out ranking\n"
        "Exit code 1: a submission failed; the others are scored."
    )


def main(args: argparse.Namespace) -> int:
    """Sweep and score all submissions, name those that failed; exit code 1 if any did."""
    suite = find_suite(args.suite)
    rows = rerun(
        args.submissions,
        suite,
        args.out,
        engine=args.engine,
        dtype=args.dtype,
        workers=args.workers,
        ray=args.ray,
        disk_budget=args.disk_budget,
    )
    failed = [row for row in rows if row.status == "failed"]
    print(f"{len(rows) - len(failed)} of {len(rows)} submissions are done: {args.out / INDEX}")
    for row in failed:
        print(f"failed: {row.name}: {row.reason}")
    if args.development is not None:
        done = [row.name for row in rows if row.status == "done"]
        report_drift(args.development, args.out, done, suite.scoring)
    if len(failed) < len(rows):
        print(f"next:   e2lm rank {shlex.quote(str(args.out))} --out ranking")
    return 1 if failed else 0
