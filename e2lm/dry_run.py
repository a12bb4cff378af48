"""Run a bundle and a submission as a Codabench worker would."""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
import venv
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from e2lm.worker import Exit, Step, run_submission
from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.suite import checkpoints_root


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `e2lm dry-run`."""
    parser.add_argument("bundle", type=Path, help="the zip that e2lm bundle wrote")
    parser.add_argument("submission", type=Path, help="a submission's zip or folder")
    parser.add_argument("--out", type=Path, help="folder for what the steps leave (default: a temporary one)")


def main(args: argparse.Namespace) -> int:
    """Run both steps; the last lines are the leaderboard row and the report. Exit code 2 when the status is Failed."""
    out = (args.out or Path(tempfile.mkdtemp(prefix="e2lm-dry-run-"))).resolve()
    python = isolated_python(out / "python")
    verdict = run_submission(
        args.bundle,
        args.submission,
        out,
        data=checkpoints_root(),
        run_step=lambda step: run_as_process(step, python=python),
    )
    for note in verdict.notes:
        print(f"note: {note}", flush=True)
    if verdict.failure is not None:
        print(f"Failed: {verdict.failure}\nlogs:   {out}", file=sys.stderr)
        return 2
    _print_row(verdict.row)
    print(f"report: {verdict.report or 'none: scoring wrote no detailed_results.html'}")
    return 0


def isolated_python(folder: Path) -> Path:
    """A virtual environment with this one's packages but without the project, and the folder of its executables.

    The project is installed in editable form, through a .pth file, and Python reads none of those in a folder that it
    only knows from another .pth: so a program that imports from the other one fails here as it would on a worker.
    """
    venv.create(folder, symlinks=os.name != "nt", clear=True)
    paths = sysconfig.get_paths(vars={"base": str(folder), "platbase": str(folder)})
    packages = dict.fromkeys([sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])
    (Path(paths["purelib"]) / "packages.pth").write_text("\n".join(packages) + "\n", encoding="utf-8")
    return Path(paths["scripts"])


def run_as_process(step: Step, *, python: Path) -> Exit:
    """Run a step as a process with /app paths turned into this machine's, in an environment as bare as an image's.

    What it prints is shown and kept. Over the time limit it is killed with everything it started.
    """
    print(f"--- {step.name}: {step.command}", flush=True)
    started = time.monotonic()
    try:
        process = subprocess.Popen(
            [local_path(argument, step.mounts) for argument in shlex.split(step.command)],
            cwd=step.mounts["/app/program"],
            env={
                "PATH": os.pathsep.join([str(python), os.defpath]),
                "HOME": str(step.log.parent),
                "PYTHONUNBUFFERED": "1",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise OrganizerError(f"{step.name}: {step.command}: {error.strerror}; correct metadata.yaml") from None
    stopped = threading.Event()

    def stop() -> None:
        stopped.set()
        _kill(process)

    timer = threading.Timer(step.time_limit, stop)
    timer.start()
    try:
        _show_and_keep(process, step)
        code = process.wait()
    finally:
        timer.cancel()
        _kill(process)
    return Exit(code, round(time.monotonic() - started, 3), stopped.is_set())


def local_path(argument: str, mounts: Mapping[str, Path]) -> str:
    """An argument with its /app folder replaced by the folder of this machine."""
    for inside, here in mounts.items():
        if argument == inside or argument.startswith(inside + "/"):
            return str(here) + argument.removeprefix(inside)
    return argument


def _show_and_keep(process: subprocess.Popen[str], step: Step) -> None:
    with step.log.open("w", encoding="utf-8") as log:
        for line in process.stdout or ():
            log.write(line)
            print(f"{step.name} | {line.rstrip()}", flush=True)


def _kill(process: subprocess.Popen[str]) -> None:
    """End the process and all that it started; also what outlived it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _print_row(row: Mapping[str, float]) -> None:
    table = Table(title="Leaderboard row")
    table.add_column("column")
    table.add_column("score", justify="right")
    for key, value in row.items():
        table.add_row(key, f"{value:.4f}")
    Console().print(table)
