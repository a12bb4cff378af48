"""A folder that one command writes into, and no other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from e2lm.runs.output_folder import writing
from e2lm_ingestion.errors import OrganizerError


def test_a_lock_ends_with_its_process_though_a_child_lives_on(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys, time; from pathlib import Path; from e2lm.runs.output_folder import writing\n"
        "with writing(Path(sys.argv[1])):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n        os.close(1); os.close(2); time.sleep(60); os._exit(0)\n"
        "    print(child, flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=False)
    with writing(tmp_path):
        pass
    os.kill(int(done.stdout), signal.SIGKILL)


def test_a_folder_may_be_held_twice_by_one_process_and_stays_held(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from e2lm.runs.output_folder import writing\n"
        "with writing(Path(sys.argv[1])): pass\n"
    )
    with writing(tmp_path), writing(tmp_path / "inner"), writing(tmp_path):
        done = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=False
        )
        assert f"process {os.getpid()} is writing there" in done.stderr


def test_a_folder_in_which_nothing_was_written_goes_again(tmp_path: Path) -> None:
    with pytest.raises(OrganizerError), writing(tmp_path / "build/run"):
        raise OrganizerError("refused")
    assert not list(tmp_path.iterdir())
