"""Run a bundle and a submission as a Codabench worker would: as processes, or in containers of the image."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from e2lm.codabench.containers import require_docker, run_in_container
from e2lm.codabench.processes import isolated_python, run_as_process
from e2lm.codabench.worker_emulator import Exit, RunStep, Step, run_submission
from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.suite import checkpoints_root
from e2lm_scoring.columns import BY_KEY
from e2lm_scoring.file_names import REPORT


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `e2lm dry-run`."""
    parser.add_argument("bundle", type=Path, help="the zip that e2lm bundle wrote")
    parser.add_argument("submission", type=Path, help="a submission's zip or folder")
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        metavar="FOLDER",
        help="folder of the steps' output and logs (default: a temporary one)",
    )
    parser.add_argument(
        "--docker", action="store_true", help="run in containers of the image, restricted as on a worker"
    )
    parser.add_argument(
        "--image", metavar="NAME", help="with --docker: the image to use in place of the bundle's docker_image"
    )
    parser.epilog = "example: e2lm dry-run bundle.zip submission.zip\nExit code 2: the submission failed."


def main(args: argparse.Namespace) -> int:
    """Run both steps; the last lines are the leaderboard row and the report. Exit code 2 when the status is Failed."""
    if args.image and not args.docker:
        raise OrganizerError("--image needs --docker; give both")
    if args.docker:
        require_docker()
    out = (args.out or Path(tempfile.mkdtemp(prefix="e2lm-dry-run-"))).resolve()
    run_step = _in_containers(args.image) if args.docker else _as_processes(out)
    verdict = run_submission(
        args.bundle, args.submission, out, data=checkpoints_root(), run_step=run_step, run_submitted=args.docker
    )
    for note in verdict.notes:
        print(f"note: {note}", flush=True)
    if verdict.failure is not None:
        print(f"Failed: {verdict.failure}\nlogs:   {out}", file=sys.stderr)
        return 2
    print_row(verdict.row)
    print(f"report: {verdict.report or 'none: scoring wrote no ' + REPORT}")
    return 0


def _as_processes(out: Path) -> RunStep:
    python = isolated_python(out / "python")

    def run_step(step: Step) -> Exit:
        return run_as_process(step, python=python)

    return run_step


def _in_containers(image: str | None) -> RunStep:
    def run_step(step: Step) -> Exit:
        return run_in_container(step, image=image or step.image)

    return run_step


def print_row(row: Mapping[str, float]) -> None:
    """Print the columns with as many digits as the leaderboard has."""
    table = Table(title="Leaderboard row")
    table.add_column("column")
    table.add_column("score", justify="right")
    for key, value in row.items():
        precision = BY_KEY[key].precision if key in BY_KEY else 4
        table.add_row(key, f"{value:,.{precision}f}")
    Console().print(table)
