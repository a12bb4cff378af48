"""Run a step of a dry run in a container, started as a Codabench worker starts it, but always without network."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from e2lm.codabench.processes import follow
from e2lm.codabench.worker_emulator import Exit, Step
from e2lm_ingestion.errors import OrganizerError

# Capabilities that the worker drops: without them, root in the container cannot access files of other users.
CAPABILITIES = (
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
)


def require_docker() -> None:
    """Raise OrganizerError unless docker is installed and its daemon accessible."""
    try:
        asked = _docker("version", "--format", "{{.Server.Version}}")
    except FileNotFoundError:
        raise OrganizerError("docker is not installed; install it (docs.docker.com), or leave out --docker") from None
    if asked.returncode != 0:
        raise OrganizerError(
            f"docker does not answer ({_reason(asked)}); start its daemon, join the group docker, or set DOCKER_HOST"
        )


def require_image(image: str) -> None:
    """Raise OrganizerError unless the image is on this machine."""
    if _docker("image", "inspect", image).returncode != 0:
        raise OrganizerError(
            f"there is no image {image} on this machine; build it with make image IMAGE={image}, get it with "
            f"docker pull {image}, or name another one with --image"
        )


def run_in_container(step: Step, *, image: str) -> Exit:
    """Run a step in a new container of `image`, then remove it. Its output is shown and logged.

    Raises OrganizerError when the container cannot be made or started; over the time limit it is killed.
    """
    require_image(image)
    name = f"e2lm-dry-run-{uuid4().hex[:12]}"
    mine = [folder for path, folder in step.mounts.items() if path != "/app/data"]
    _give(mine, "0:0", image)
    try:
        created = _docker("create", *container_options(step, name), image, *shlex.split(step.command))
        if created.returncode != 0:
            raise OrganizerError(f"{step.name}: docker cannot make the container: {_reason(created)}")
        process = subprocess.Popen(
            ["docker", "start", "--attach", name],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        ended = follow(process, step, end=lambda: _end(name))
        return replace(ended, code=_exit_code(name))
    finally:
        _docker("rm", "--force", name)
        _give(mine, f"{os.getuid()}:{os.getgid()}", image)


def container_options(step: Step, name: str) -> list[str]:
    """The options of `docker create` that a worker uses."""
    options = [f"--name={name}", "--pull=never", "--workdir=/app/program", "--user=0", "--network=none"]
    options += ["--shm-size=64m", "--security-opt=no-new-privileges"]
    options += [f"--cap-drop={capability}" for capability in CAPABILITIES]
    options += ["--env=PYTHONUNBUFFERED=1", "--env=http_proxy=", "--env=https_proxy="]
    for path, folder in step.mounts.items():
        if folder.is_dir():  # docker would create a missing folder, owned by root
            options.append(f"--volume={folder}:{path}" + (":ro" if path == "/app/data" else ""))
    if shutil.which("nvidia-smi"):
        options.append("--device=nvidia.com/gpu=all")
    return options


def _give(folders: list[Path], owner: str, image: str) -> None:
    """Change the owner of folders: to root, as on a worker, or back to the current user."""
    if os.getuid() == 0:
        return
    mounts = [f"--volume={folder}:/given/{number}" for number, folder in enumerate(folders)]
    _docker(
        "run", "--rm", "--pull=never", "--network=none", "--entrypoint=chown", *mounts, image, "-R", owner, "/given"
    )


def _end(name: str) -> None:
    _docker("kill", name)


def _exit_code(name: str) -> int:
    """The container's exit code."""
    asked = _docker("inspect", "--format", "{{.State.ExitCode}} {{.State.Error}}", name)
    code, _, error = asked.stdout.strip().partition(" ")
    if error:
        raise OrganizerError(f"docker cannot start the container: {error}")
    return int(code)


def _docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    lines = done.stderr.strip().splitlines()
    return lines[-1] if lines else f"exit code {done.returncode}"
