"""The device in use: its name, the dtypes that it computes correctly, and whether it works at all."""

from __future__ import annotations

import os
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
    return {
        "device": torch.cuda.get_device_name(),
        "driver": _driver_version(Path("/")),
        "cuda": str(torch.version.cuda),
    }


def device_bytes(device: str) -> float:
    """The memory of the GPU in bytes; 0 for a CPU."""
    return float(torch.cuda.get_device_properties(0).total_memory) if device == "cuda" else 0.0


def refuse_unusable_gpu(root: Path = Path("/")) -> None:
    """Raise OrganizerError when there is an NVIDIA GPU that torch cannot use, unless CUDA_VISIBLE_DEVICES hides it.

    Otherwise a run that should take minutes would take hours on the CPU without a word. `root` is the file system's.
    """
    devices = sorted((root / "dev").glob("nvidia[0-9]*"))
    if torch.cuda.is_available() or os.environ.get("CUDA_VISIBLE_DEVICES", "all").strip() in ("", "-1"):
        return
    if not devices and not (root / "proc/driver/nvidia/version").is_file():
        return
    driver = _driver_version(root)
    if torch.version.cuda is None:
        reason = f"torch {torch.__version__} is a build without CUDA; install the build with CUDA"
    else:
        reason = (
            f"torch {torch.__version__} needs a driver for CUDA {torch.version.cuda}, and this one is {driver}; update "
            "it (nvidia-smi shows whether it works), and give containers access to the GPU"
        )
    raise OrganizerError(
        f"this machine has an NVIDIA GPU (driver {driver}) that torch cannot use: {reason}. To compute on the CPU all "
        "the same, set CUDA_VISIBLE_DEVICES to nothing"
    )


# Settings under which NVIDIA GPUs round float32 to 10 bits (TF32): variable, the only value that does not, remedy.
_FLOAT32_VARIABLES = {
    "NVIDIA_TF32_OVERRIDE": "0",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": "0",
    "TRITON_F32_DEFAULT": "ieee",
    "VLLM_FLOAT32_MATMUL_PRECISION": "highest",
}


def refuse_rounded_float32(dtype: str, device: str) -> None:
    """Have float32 on a GPU computed as float32; call before kernels are compiled.

    From Ampere on, NVIDIA GPUs can round the factors of float32 products to 10 bits (TF32). torch does so only if told
    to, Triton, with which vLLM computes attention in float32, unless told not to. Raises OrganizerError when a setting
    asks for rounding.
    """
    if device == "cpu" or dtype != "float32":
        return
    os.environ.setdefault("TRITON_F32_DEFAULT", "ieee")
    for name, exact in _FLOAT32_VARIABLES.items():
        if (given := os.environ.get(name, exact)) != exact:
            raise OrganizerError(
                f"{name}={given} rounds float32 to 10 bits (TF32), so scores would not be those of float32; unset it, "
                "or give --dtype bfloat16"
            )
    if torch.get_float32_matmul_precision() != "highest":
        raise OrganizerError(
            "torch.set_float32_matmul_precision was called, which rounds float32 to 10 bits (TF32); leave it at "
            "highest, or give --dtype bfloat16"
        )


def _driver_version(root: Path) -> str:
    file = root / "proc/driver/nvidia/version"
    first_line = file.read_text(encoding="utf-8").partition("\n")[0] if file.is_file() else ""
    version = re.search(r"\d+\.\d+(\.\d+)?", first_line)
    return version.group() if version else "unknown"
