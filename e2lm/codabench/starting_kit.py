"""The starting kit: a zip with the program as a wheel, a README, the example submissions and the notebooks."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from e2lm.archive import files_under, zip_bytes
from e2lm_ingestion.errors import OrganizerError

_EPOCH_SECONDS = "315532800"  # archive.EPOCH, so that the wheel has the same bytes every time


def starting_kit(root: Path) -> bytes:
    """The kit of the repository under `root`, the same bytes for the same files. Raises OrganizerError."""
    entries = {name: path.read_bytes() for name, path in files_under(root / "starting_kit")}
    name, wheel = build_wheel(root)
    return zip_bytes({**entries, name: wheel})


def build_wheel(root: Path) -> tuple[str, bytes]:
    """The wheel of the project under `root`: its name and content. Nothing is written there or downloaded."""
    with tempfile.TemporaryDirectory(prefix="e2lm-wheel-") as folder:
        scratch = Path(folder)
        done = subprocess.run(
            [
                *(sys.executable, "setup.py", "--quiet"),
                *("egg_info", "--egg-base", folder),
                *("build", "--build-base", folder),
                *("bdist_wheel", "--bdist-dir", str(scratch / "bdist"), "--dist-dir", str(scratch / "dist")),
            ],
            cwd=root,
            env={**os.environ, "SOURCE_DATE_EPOCH": _EPOCH_SECONDS},
            capture_output=True,
            text=True,
            check=False,
        )
        wheels = list((scratch / "dist").glob("*.whl"))
        if done.returncode or not wheels:
            last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
            raise OrganizerError(f"{root}: the wheel of the starting kit could not be built: {last}")
        return wheels[0].name, wheels[0].read_bytes()
