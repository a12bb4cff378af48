"""The command line, run as a user runs it."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from e2lm.cli.main import COMMANDS, MAY_FETCH

PROJECT_ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = PROJECT_ROOT / "starting_kit/examples"

AT_THE_START = dict(os.environ)
SET_BY_PROGRAMS = ("HF_DATASETS_CACHE", "HF_HUB_OFFLINE", "KMP_", "PYTORCH_", "TILELANG_", "TORCH", "TRITON_", "VLLM_")
# Read when a command needs them; any other variable may be read while Python or a package starts.
READ_LATE = frozenset({"BROWSER", "COLUMNS", "E2LM_CHECKPOINTS", "PYTEST_CURRENT_TEST", "TMPDIR"})


def e2lm(
    *arguments: str | Path | float, cwd: Path | None = None, fresh: bool = False, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user does, in a process of its own.

    The process is a fork of one that has imported the program, which spares up to 6 s, or with `fresh` a new one. It is
    a new one too where the command would import under other settings than that process has.
    """
    command = [str(argument) for argument in arguments]
    wanted = _users_environment(environment)
    if not fresh and _FORKS.can_run(command, wanted):
        return _FORKS.run(command, cwd or Path.cwd(), wanted)
    return subprocess.run(
        [sys.executable, "-m", "e2lm", *command],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=wanted,
        timeout=600,
        check=False,
    )


def start_e2lm(*arguments: str | Path | float, **environment: str) -> subprocess.Popen[bytes]:
    """Start the command line in the background; its output is discarded."""
    return subprocess.Popen(
        [sys.executable, "-m", "e2lm", *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=_users_environment(environment),
    )


def _users_environment(changes: Mapping[str, str]) -> dict[str, str]:
    """This process's environment, without variables set by programs that tests import."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name != "HF_HUB_OFFLINE" and (name in AT_THE_START or not name.startswith(SET_BY_PROGRAMS))
    }
    return {**kept, **changes}


class _Forks:
    """The process of tests/e2lm/fork_server.py, started when it is needed first."""

    def __init__(self) -> None:
        self._environment = _users_environment({})
        self._server: subprocess.Popen[str] | None = None
        self._one_at_a_time = threading.Lock()

    def can_run(self, command: Sequence[str], wanted: Mapping[str, str]) -> bool:
        """Whether the command works in a fork as in a new process: on Linux, without a GPU, under equal settings."""
        if sys.platform != "linux" or Path("/dev/nvidiactl").exists() or command[0] not in COMMANDS:
            return False
        if any(argument.startswith(MAY_FETCH) or argument in ("vllm", "--ray") for argument in command):
            return False
        differing = {name for name, _ in self._environment.items() ^ wanted.items()}
        return differing <= READ_LATE

    def run(self, command: Sequence[str], folder: Path, wanted: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        with self._one_at_a_time, tempfile.TemporaryDirectory() as output:
            server = self._server or self._start()
            assert server.stdin is not None
            assert server.stdout is not None
            files = [Path(output, name) for name in ("out", "err")]
            for file in files:
                file.touch()
            server.stdin.write(json.dumps([command, str(folder), dict(wanted), *map(str, files)]) + "\n")
            server.stdin.flush()
            code = server.stdout.readline()
            assert code, "the process that forks has ended; it says why on standard error"
            out, err = (file.read_text() for file in files)
        return subprocess.CompletedProcess(["e2lm", *command], int(code), out, err)

    def _start(self) -> subprocess.Popen[str]:
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.e2lm.fork_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=PROJECT_ROOT,
            env=self._environment,
        )
        atexit.register(self._server.communicate)
        return self._server


_FORKS = _Forks()
