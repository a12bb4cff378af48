"""Runs commands of e2lm in forks of this process, which has imported the program. tests/e2lm/command_line.py starts it.

For each line of JSON on standard input, [arguments, current folder, environment, file for standard output, file for
standard error], it prints the exit code, as subprocess gives it. The fork runs `python -m e2lm` from its first line to
its exit code; what is spared are the seconds in which Python imports torch and transformers, and deletes all of it at
the end.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import signal
import sys
import tempfile
import threading
import traceback

WALL_SECONDS = 600
LATER = ("e2lm_scoring.output", "pandas", "scipy.stats")  # modules that commands import when they come to need them
LATER_BY_RUNS = (
    "e2lm_ingestion.engines.transformers",
    "e2lm_ingestion.execution.engine_session",
    "transformers.models.llama.modeling_llama",
    "transformers.tokenization_utils_tokenizers",
)


def serve() -> None:
    """Fork for each request, and report how the fork ended."""
    os.environ["HF_HUB_OFFLINE"] = "1"  # as main() does for the commands that come here
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for pytest
    for line in sys.stdin:
        arguments, *where = json.loads(line)
        import_what_is_needed(arguments[0])
        process = os.fork()
        if not process:
            run_command(arguments, *where)
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    os._exit(0)


def import_what_is_needed(command: str) -> None:
    """Import what the command imports, also later, unless an earlier one did."""
    of_runs = LATER_BY_RUNS if command in ("run", "rerun") else ()
    for module in (f"e2lm.cli.{command.replace('-', '_')}", *LATER, *of_runs):
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # a collection in a fork would copy all of this process's memory


def run_command(arguments: list[str], folder: str, environment: dict[str, str], out: str, err: str) -> None:
    """Become the process of a command, with nothing left of the server that it could notice."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.alarm(WALL_SECONDS)
    for number, path in enumerate((os.devnull, out, err)):
        file = os.open(path, os.O_RDWR)
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None
    os.chdir(folder)
    sys.path[0] = folder
    sys.argv = ["e2lm", *arguments]
    code: object = 0
    try:
        runpy.run_module("e2lm", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    serve()
