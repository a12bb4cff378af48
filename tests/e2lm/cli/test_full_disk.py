"""A full disk gives one line with the file, the reason and the remedy; tested on a file system of a few kilobytes."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2lm.command_line import EXAMPLES, e2lm
from tests.not_tested import not_tested

pytestmark = pytest.mark.slow
REASON = "No space left on device: free disk space, or give a path on another disk; then run it again"


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A folder on a separate disk without a free byte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        not_tested(f"on a full disk: only root may mount one here ({done.stderr.strip()})")
    try:
        with (disk / "ballast").open("wb", buffering=0) as ballast:
            ballast.write(bytes(shutil.disk_usage(disk).free))
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.mark.parametrize(
    ("command", "file"),
    [
        ("new {disk}/mine", "{disk}/mine/"),
        ("pack {examples}/noise -o {disk}/x.zip", "{disk}/x.zip"),
        ("overlap {examples}/noise {examples}/science-cloze --out {disk}/o.csv", "{disk}/o.csv"),
        (
            "suite new {disk}/ours a/b --revision step{{iteration}} --iterations 1:9:1 --tokens-per-step 8",
            "{disk}/ours/",
        ),
    ],
    ids=lambda text: text.split()[0],
)
def test_the_file_that_has_no_room_is_named(full: Path, command: str, file: str) -> None:
    done = e2lm(*(word.format(disk=full, examples=EXAMPLES) for word in command.split()))
    line = done.stderr.splitlines()[-1]
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert line.startswith(f"error: {file.format(disk=full)}"), line
    assert line.endswith(REASON)


def test_an_output_that_could_not_be_started_does_not_block_the_next_run(full: Path) -> None:
    e2lm("new", full / "mine")
    (full / "ballast").unlink()
    assert e2lm("new", full / "mine").returncode == 0


@pytest.mark.parametrize("command", ["compare {run} {run} --out {disk}/c.html", "rank {run} --out {disk}/r"])
def test_compare_names_the_file_that_has_no_room(science_cloze_run: Path, full: Path, command: str) -> None:
    done = e2lm(*(word.format(disk=full, run=science_cloze_run) for word in command.split()))
    line = done.stderr.splitlines()[-1]
    assert (done.returncode, line.startswith(f"error: {full}/"), line.endswith(REASON)) == (2, True, True), done.stderr


def test_a_leaderboard_names_its_file_and_says_what_to_do(science_cloze_run: Path, full: Path) -> None:
    done = e2lm("leaderboard", science_cloze_run, "-o", full / "site")
    assert done.stderr.splitlines()[-1].startswith(f"error: {full}/site.partial/")
    assert done.stderr.splitlines()[-1].endswith(REASON)


def test_a_run_names_the_file_and_a_temporary_folder_has_another_remedy(miniature: Path, full: Path) -> None:
    done = e2lm("run", EXAMPLES / "noise", "--out", full / "out")
    assert done.stderr.splitlines()[-1].startswith(f"error: {full}/out"), done.stderr
    assert done.stderr.splitlines()[-1].endswith(REASON)
    os.truncate(full / "ballast", (full / "ballast").stat().st_size - 8192)  # Python takes no TMPDIR without any room
    done = e2lm("run", EXAMPLES / "noise", "--out", full.parent / "out", TMPDIR=str(full))
    assert done.stderr.splitlines()[-1].startswith(f"error: {full}/e2lm-")
    assert done.stderr.splitlines()[-1].endswith("set TMPDIR to a folder on another disk; then run it again")


def test_training_says_where_there_is_no_room(full: Path) -> None:
    done = e2lm("suite", "fetch", "miniature", E2LM_CHECKPOINTS=str(full / "checkpoints"))
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    line = done.stderr.splitlines()[-1]
    assert line.startswith(f"error: {full}/checkpoints/miniature")
    assert "No space left on device" in line
