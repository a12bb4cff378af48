"""Runs a step of a dry run as a local process; shows and logs the output of any step's process."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sysconfig
import threading
import time
import venv
from collections.abc import Callable, Mapping
from pathlib import Path

from e2lm.codabench.worker_emulator import Exit, Step
from e2lm_ingestion.errors import OrganizerError


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
    """Run a step as a process, with /app paths mapped to local ones and an environment as minimal as an image's.

    Its output is shown and logged. At the time limit it is killed with all its child processes.
    """
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
    return follow(process, step, end=lambda: _kill(process))


def local_path(argument: str, mounts: Mapping[str, Path]) -> str:
    """An argument with its /app folder replaced by the local folder."""
    for inside, here in mounts.items():
        if argument == inside or argument.startswith(inside + "/"):
            return str(here) + argument.removeprefix(inside)
    return argument


def follow(process: subprocess.Popen[str], step: Step, *, end: Callable[[], None]) -> Exit:
    """Show and log the output of a process until it ends; `end` kills it at the time limit, and processes it leaves."""
    print(f"--- {step.name}: {step.command}", flush=True)
    started, stopped = time.monotonic(), threading.Event()

    def stop() -> None:
        stopped.set()
        end()

    timer = threading.Timer(step.time_limit, stop)
    timer.start()
    try:
        with step.log.open("w", encoding="utf-8") as log:
            for line in process.stdout or ():
                log.write(line)
                print(f"{step.name} | {line.rstrip()}", flush=True)
        code = process.wait()
    finally:
        timer.cancel()
        end()
    return Exit(code, round(time.monotonic() - started, 3), stopped.is_set())


def _kill(process: subprocess.Popen[str]) -> None:
    """Kill the process and its children, including those that outlived it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
