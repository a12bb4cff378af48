"""Devices that would give other numbers, or none: a GPU that torch cannot use, and float32 that a GPU rounds."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from e2lm_ingestion.engines import make_engine
from e2lm_ingestion.engines.device import refuse_rounded_float32, refuse_unusable_gpu
from e2lm_ingestion.errors import OrganizerError

without_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU that works")
DRIVER = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023\nGCC version: 12\n"


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file system with the driver of a GPU."""
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/nvidia0").touch()
    (tmp_path / "proc/driver/nvidia").mkdir(parents=True)
    (tmp_path / "proc/driver/nvidia/version").write_text(DRIVER)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return tmp_path


@without_gpu
def test_a_gpu_that_torch_cannot_use_is_an_error_that_names_the_driver(broken: Path) -> None:
    with pytest.raises(OrganizerError, match=r"driver 535\.104\.05.*CUDA_VISIBLE_DEVICES"):
        refuse_unusable_gpu(broken)


@without_gpu
def test_a_device_file_alone_shows_that_there_is_a_gpu(broken: Path) -> None:
    (broken / "proc/driver/nvidia/version").unlink()
    with pytest.raises(OrganizerError, match="driver unknown"):
        refuse_unusable_gpu(broken)


@pytest.mark.parametrize("hidden", ["", "-1"])
def test_a_hidden_gpu_is_not_missed(broken: Path, monkeypatch: pytest.MonkeyPatch, hidden: str) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    refuse_unusable_gpu(broken)


def test_a_machine_without_a_gpu_computes_on_the_cpu(tmp_path: Path) -> None:
    refuse_unusable_gpu(tmp_path)


@without_gpu
def test_auto_is_transformers_without_a_gpu() -> None:
    refuse_unusable_gpu()
    assert make_engine("auto", "auto", 64).description["name"] == "transformers"


def test_float32_on_a_gpu_is_computed_as_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITON_F32_DEFAULT", "ieee")
    refuse_rounded_float32("float32", "cuda")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRITON_F32_DEFAULT", "tf32"),
        ("NVIDIA_TF32_OVERRIDE", "1"),
        ("TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "1"),
        ("VLLM_FLOAT32_MATMUL_PRECISION", "high"),
    ],
)
def test_a_setting_that_rounds_float32_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(OrganizerError, match=f"{name}={value} rounds float32"):
        refuse_rounded_float32("float32", "cuda")
    refuse_rounded_float32("bfloat16", "cuda")
    refuse_rounded_float32("float32", "cpu")


def test_rounding_that_a_program_has_asked_for_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITON_F32_DEFAULT", "ieee")
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        with pytest.raises(OrganizerError, match="set_float32_matmul_precision"):
            refuse_rounded_float32("float32", "cuda")
    finally:
        torch.set_float32_matmul_precision(before)
