"""The command line, run as a user runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = PROJECT_ROOT / "starting_kit/examples"


def e2lm(
    *arguments: str | Path | float, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "e2lm", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=_users_environment(environment),
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
    return {**{name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}, **changes}
