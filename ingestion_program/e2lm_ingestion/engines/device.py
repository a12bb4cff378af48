"""Name and supported dtype of the device in use."""

from __future__ import annotations

import platform
import re
from pathlib import Path

import torch

from e2lm_ingestion.errors import OrganizerError


def resolve_dtype(dtype: str, device: str) -> str:
    """Resolve auto: float32 on a CPU, bfloat16 on a GPU that supports it, else float16 (such as a T4).

    Raises OrganizerError for an unknown dtype.
    """
    if dtype == "auto":
        if device == "cpu":
            return "float32"
        return "bfloat16" if torch.cuda.get_device_capability()[0] >= 8 else "float16"
    if dtype not in ("float32", "bfloat16", "float16"):
        raise OrganizerError(f"--dtype {dtype}: choose auto, float32, bfloat16 or float16")
    return dtype


def describe_device(device: str) -> dict[str, str]:
    """Name of the device; for a GPU also the versions of driver and CUDA. Results depend on all of them."""
    if device == "cpu":
        return {"device": f"cpu ({platform.machine()}, {torch.backends.cpu.get_cpu_capability()})"}
    driver = Path("/proc/driver/nvidia/version")
    first_line = driver.read_text(encoding="utf-8").splitlines()[0] if driver.is_file() else "unknown"
    version = re.search(r"\d+\.\d+(\.\d+)?", first_line)
    return {
        "device": torch.cuda.get_device_name(),
        "driver": version.group() if version else "unknown",
        "cuda": str(torch.version.cuda),
    }
