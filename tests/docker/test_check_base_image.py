"""A base image whose torch would be replaced by a build without CUDA is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT_ROOT = Path(__file__).parents[2]


def check(requirements: Path, packages: Path | None) -> subprocess.CompletedProcess[str]:
    """Run the check with a Python that has no packages but those of a folder."""
    return subprocess.run(
        [sys.executable, "-S", str(PROJECT_ROOT / "docker/check_base_image.py"), str(requirements)],
        env={**os.environ, "PYTHONPATH": str(packages or "")},
        capture_output=True,
        text=True,
        check=False,
    )


def with_torch(folder: Path, version: str) -> Path:
    """A folder of packages in which torch is installed, as far as its metadata says."""
    metadata = folder / f"torch-{version}.dist-info/METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text(f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n")
    return folder


@pytest.fixture
def pinned(tmp_path: Path) -> Path:
    file = tmp_path / "torch.txt"
    file.write_text("sympy==1.14.0\ntorch==2.13.0\n")
    return file


@pytest.mark.parametrize("version", ["2.13.0", "2.13.0+cu130"])
def test_the_pinned_version_is_taken_whatever_its_build(pinned: Path, tmp_path: Path, version: str) -> None:
    assert check(pinned, with_torch(tmp_path / "packages", version)).returncode == 0


def test_an_image_without_torch_is_taken(pinned: Path) -> None:
    assert check(pinned, None).returncode == 0


def test_another_version_is_refused_with_the_remedy(pinned: Path, tmp_path: Path) -> None:
    done = check(pinned, with_torch(tmp_path / "packages", "2.11.0+cu130"))
    assert done.returncode == 1
    assert "the base image has torch 2.11.0+cu130, and the programs need 2.13.0" in done.stderr
    assert "BASE_IMAGE" in done.stderr


def test_the_image_is_built_with_the_check() -> None:
    dockerfile = (PROJECT_ROOT / "docker/Dockerfile").read_text()
    assert dockerfile.index("check_base_image.py /opt/e2lm/requirements/torch.txt") < dockerfile.index("pip install")
    assert check(PROJECT_ROOT / "requirements/torch.txt", None).returncode == 0
