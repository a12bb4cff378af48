"""What a worker takes away from a container, and what attacks and full machines do in a real one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from e2lm.codabench.containers import container_options, run_in_container
from e2lm.codabench.worker_emulator import Step
from e2lm_ingestion.suite import checkpoints_root
from tests.docker.commands import INGESTION
from tests.e2lm.command_line import EXAMPLES, PROJECT_ROOT, e2lm

PROBE = """
import importlib.metadata, importlib.util, json, os, pathlib, socket

def can(action):
    try:
        action()
        return True
    except OSError:
        return False

def write(folder):
    path = pathlib.Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    (path / "probe").write_text("written")

def pin(distribution):
    return distribution.name.lower().replace("_", "-") + "==" + distribution.version.partition("+")[0]

status = dict(line.split(":", 1) for line in open("/proc/self/status"))
shm = os.statvfs("/dev/shm")
caches = [os.environ[name] for name in ("HF_HOME", "VLLM_CACHE_ROOT", "XDG_CACHE_HOME")]
others = ("pytest", "lm_eval", "selenium", "e2lm", "e2lm_ingestion")
print(json.dumps({
    "uid": os.getuid(),
    "capabilities": int(status["CapEff"], 16),
    "no new privileges": int(status["NoNewPrivs"]),
    "shm": shm.f_blocks * shm.f_frsize,
    "network": can(lambda: socket.create_connection(("1.1.1.1", 53), timeout=2)),
    "writes checkpoints": can(lambda: write("/app/data")),
    "writes output": can(lambda: write("/app/output")),
    "writes caches": all(can(lambda: write(folder)) for folder in caches),
    "reads what is private to others": can(lambda: open("/app/output/private").read()),
    "offline": os.environ["HF_HUB_OFFLINE"],
    "found": [name for name in others if importlib.util.find_spec(name)],
    "packages": [pin(distribution) for distribution in importlib.metadata.distributions()],
}))
"""


@pytest.fixture
def ingestion(image: str, science_cloze: Path, tmp_path: Path) -> Step:
    """The step of ingestion as a worker would start it, with the program of this checkout."""
    shutil.copytree(
        PROJECT_ROOT / "ingestion_program", tmp_path / "program", ignore=shutil.ignore_patterns("__pycache__")
    )
    (tmp_path / "input_data").mkdir()
    shutil.copy(PROJECT_ROOT / "e2lm/suites/miniature/suite.yaml", tmp_path / "input_data")
    (tmp_path / "input_data/e2lm.key").write_text("0123456789abcdef" * 4)
    (tmp_path / "output").mkdir()
    (tmp_path / "output").chmod(0o777)
    mounts = {f"/app/{name}": tmp_path / name for name in ("program", "input_data", "output")}
    mounts |= {"/app/ingested_program": science_cloze, "/app/data": checkpoints_root()}
    return Step("ingestion", image, INGESTION, mounts, tmp_path / "ingestion.log", 60)


def container(step: Step, *options: str, command: tuple[str, ...] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the step's container with further options."""
    arguments = ["docker", "run", "--rm", *container_options(step, "e2lm-dry-run-test"), *options, step.image]
    arguments += step.command.split() if command is None else command
    try:
        return subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=120)
    finally:
        subprocess.run(["docker", "rm", "--force", "e2lm-dry-run-test"], capture_output=True, check=False)


def last_line(step: Step) -> str:
    return step.log.read_text().splitlines()[-1]


def test_a_container_may_no_more_than_a_workers(ingestion: Step) -> None:
    private = ingestion.mounts["/app/output"] / "private"
    private.write_text("of somebody else")
    private.chmod(0o600)
    if os.getuid() == 0:
        shutil.chown(private, 1234, 1234)
    done = container(ingestion, "--entrypoint=python3", command=("-I", "-c", PROBE))
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    packages = set(seen.pop("packages"))
    assert seen == {
        "uid": 0,
        "capabilities": 0,
        "no new privileges": 1,
        "shm": 64 << 20,
        "network": False,
        "writes checkpoints": False,
        "writes output": True,
        "writes caches": True,
        "reads what is private to others": False,
        "offline": "1",
        "found": [],
    }
    pinned = {
        line.lower().replace("_", "-")
        for name in ("torch", "runtime")
        for line in (PROJECT_ROOT / f"requirements/{name}.txt").read_text().splitlines()
        if not line.startswith("#")
    }
    assert pinned - packages == set()
    tools = {"pip", "setuptools", "wheel"}  # of the base
    assert {package for package in packages - pinned if package.partition("==")[0] not in tools} == set()


@pytest.mark.parametrize(
    "command", ["python3 /app/program/ingestion.py", "sh -c id", "python3 -c 'print(open(\"/app/data\"))'"]
)
def test_the_command_of_a_submission_is_refused(command: str, ingestion: Step, science_cloze: Path) -> None:
    (science_cloze / "ingestion.py").write_text("open('/app/output/ran', 'w')")
    (science_cloze / "metadata.yaml").write_text(f"command: {command}")
    mounts = {path: ingestion.mounts[path] for path in ("/app/input_data", "/app/output", "/app/data")}
    step = replace(ingestion, name="submission", command=command, mounts={**mounts, "/app/program": science_cloze})
    assert run_in_container(step, image=step.image).code == 2
    refusal = "error: a submission is data, and no program of its own is run; remove metadata.yaml from the zip"
    assert step.log.read_text() == refusal + "\n"
    assert not (ingestion.mounts["/app/output"] / "ran").exists()


def test_a_submission_that_is_a_copy_of_a_program_gets_no_other_arguments(ingestion: Step) -> None:
    step = replace(ingestion, command="python3 /app/program/ingestion.py /app/data /app/data /app/output")
    assert run_in_container(step, image=step.image).code == 2
    assert last_line(step) == f"error: only the program's own command is run: {INGESTION}"


def test_a_program_over_its_memory_ends_with_the_reason(ingestion: Step) -> None:
    done = container(ingestion, "--memory=200m", "--memory-swap=200m")
    assert done.returncode == 137
    assert done.stderr.splitlines()[-1].startswith("error: the program was killed, most likely for using more memory")


def test_a_program_over_its_time_is_killed_and_its_container_removed(ingestion: Step) -> None:
    ended = run_in_container(replace(ingestion, time_limit=1), image=ingestion.image)
    assert ended.timed_out
    mine = f"volume={ingestion.mounts['/app/program']}"
    left = subprocess.run(["docker", "ps", "--all", "--quiet", "--filter", mine], capture_output=True, check=True)
    assert left.stdout == b""


def test_a_full_disk_ends_with_the_reason(ingestion: Step) -> None:
    mounts = {path: folder for path, folder in ingestion.mounts.items() if path != "/app/output"}
    done = container(replace(ingestion, mounts=mounts), "--tmpfs=/app/output:size=64k")
    assert done.returncode == 2
    said = "error: No space left on device; organizers: check that the worker's disk has room and is healthy"
    assert done.stderr.splitlines()[-1] == said, "without the file's name, which may be a checkpoint's"


def test_a_worker_without_checkpoints_says_which_one_is_missing(ingestion: Step, tmp_path: Path) -> None:
    mounts = {**ingestion.mounts, "/app/data": tmp_path / "absent"}
    step = replace(ingestion, mounts=mounts)
    assert run_in_container(step, image=step.image).code == 2
    assert last_line(step).startswith("error: /app/data/miniature/")
    assert "missing" in last_line(step)
    assert not (tmp_path / "absent").exists()


def test_a_missing_image_is_one_line(bundle: Path) -> None:
    done = e2lm("dry-run", bundle, EXAMPLES / "noise", "--docker", "--image", "e2lm:absent")
    assert done.returncode == 2
    assert done.stderr == (
        "error: there is no image e2lm:absent on this machine; build it with make image IMAGE=e2lm:absent, get it with "
        "docker pull e2lm:absent, or name another one with --image\n"
    )
