"""Measures this machine in about a second: one layer of a model, on the GPU or on all cores."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from e2lm_ingestion.forecast.duration import operations_per_token, width
from e2lm_ingestion.forecast.hardware import CPU, GPUS, LAYER_SHARE, TRANSFORMERS, VLLM, Machine

if TYPE_CHECKING:
    import torch

_TOKENS = 512
_HEAD_WIDTH = 64
_SECONDS = 0.4  # for each of two measurements
_COPIED_BYTES = 2**26


def this_machine(parameters: float, devices: int = 1, *, processor: bool = False) -> Machine:
    """This machine, as fast as a layer of a model with so many parameters shows; vLLM's costs where it would run.

    `processor`: without its GPU.
    """
    import torch  # imported here because it takes seconds

    cuda = torch.cuda.is_available() and not processor
    dtype = torch.float32
    if cuda:
        dtype = torch.bfloat16 if torch.cuda.get_device_capability()[0] >= 8 else torch.float16
    base = GPUS["A100"] if cuda else CPU
    operations, seconds_a_layer = _layer(parameters, torch.device("cuda" if cuda else "cpu"), dtype)
    hardware = replace(
        base,
        operations=LAYER_SHARE * operations / seconds_a_layer,
        bandwidth=_bandwidth(torch.device("cuda" if cuda else "cpu")),
        engine=VLLM if cuda and importlib.util.find_spec("vllm") else TRANSFORMERS,
    )
    name = torch.cuda.get_device_name() if cuda else f"its CPU, {torch.get_num_threads()} cores"
    label = f"this machine ({name})" if devices == 1 else f"{devices} machines like this one ({name})"
    return Machine("this", label, hardware, devices, source="one layer measured on this machine")


def _layer(parameters: float, device: torch.device, dtype: torch.dtype) -> tuple[float, float]:
    """Floating-point operations of a layer of the model's width on a prompt, and the seconds that it takes."""
    import torch
    from torch.nn.functional import linear, rms_norm, scaled_dot_product_attention, silu

    heads = max(1, round(width(parameters) / _HEAD_WIDTH))
    size = heads * _HEAD_WIDTH
    shapes = ((3 * size, size), (size, size), (4 * size, size), (size, 4 * size))
    attention, out, up, down = (torch.randn(shape, device=device, dtype=dtype) / size**0.5 for shape in shapes)
    hidden = torch.randn((_TOKENS, size), device=device, dtype=dtype)

    def forward() -> None:
        query, key, value = (
            linear(rms_norm(hidden, (size,)), attention).view(1, _TOKENS, 3, heads, _HEAD_WIDTH).permute(2, 0, 3, 1, 4)
        )
        mixed = scaled_dot_product_attention(query, key, value, is_causal=True)
        middle = hidden + linear(mixed.transpose(1, 2).reshape(_TOKENS, size), out)
        middle + linear(silu(linear(rms_norm(middle, (size,)), up)), down)

    layer_parameters = float(12 * size**2)
    # The share of attention is that of the whole model, whose width differs a little from this layer's.
    operations = _TOKENS * operations_per_token(layer_parameters, 0) * (1 + _TOKENS / 2 / (6 * size))
    return operations, _seconds(forward, device)


def _bandwidth(device: torch.device) -> float:
    """Bytes per second of the device's memory, read and written."""
    import torch

    content = torch.empty(_COPIED_BYTES, device=device, dtype=torch.uint8)
    return 2 * _COPIED_BYTES / _seconds(lambda: content.clone(), device)


def _seconds(call: Callable[[], object], device: torch.device) -> float:
    """The shortest time of several calls, which other load disturbs least."""
    import torch

    fastest, ends = float("inf"), time.perf_counter() + _SECONDS
    with torch.inference_mode():
        call()  # the first call is slower
        while True:
            begun = time.perf_counter()
            call()
            if device.type == "cuda":
                torch.cuda.synchronize()
            now = time.perf_counter()
            fastest = min(fastest, now - begun)
            if now > ends:
                return fastest
