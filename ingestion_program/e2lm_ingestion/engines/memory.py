"""Memory of a device: how many tokens fit into one forward pass, and what to do when memory runs out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch

from e2lm_ingestion.errors import OrganizerError

CPU_NODES = 384  # on a CPU larger chunks are no faster, and attention grows with their square
_SIZES = (4096, 2048, 1024, 512, 256)
_USABLE = 0.85  # share of a GPU's memory; the rest is for CUDA itself and for fragmentation
Value = TypeVar("Value")


def chunk_nodes(config: Any, *, parameters: int, element: int, context: int, device_bytes: float) -> int:  # noqa: ANN401
    """The number of tokens of one forward pass of the transformers engine on a GPU.

    `config` is a transformers config, `parameters` a count, `element` the bytes of a number, `context` the longest
    sequence in tokens, and `device_bytes` the memory for this engine. The memory that is free at the moment is not
    considered, because the grouping of tokens changes rounding and has to be the same in every run. A chunk takes at
    most half of what weights and cache leave. It also has at most twice as many tokens as the model has dimensions:
    beyond that, attention between the chunk's own tokens, most of it masked, takes longer than the layers' products.

    >>> from types import SimpleNamespace
    >>> llama = SimpleNamespace(hidden_size=2048, intermediate_size=8192, vocab_size=128_256, num_hidden_layers=16)
    >>> [chunk_nodes(llama, parameters=10**9, element=2, context=2048, device_bytes=size) for size in (80e9, 15e9, 6e9)]
    [4096, 2048, 512]
    """
    hidden = int(config.hidden_size)
    intermediate = int(getattr(config, "intermediate_size", None) or 4 * hidden)
    cache = 4 * context * int(config.num_hidden_layers) * hidden * element  # keys and values, twice while they grow
    free = _USABLE * device_bytes - parameters * element - cache

    def needed(nodes: int) -> float:
        logits = int(config.vocab_size) * (element + 8)
        activations = (8 * hidden + 3 * intermediate) * element
        mask = (context + nodes) * (element + 2)
        return float(nodes * (logits + activations + mask))

    fitting = [nodes for nodes in _SIZES if nodes <= max(512, 2 * hidden) and needed(nodes) <= free / 2]
    return fitting[0] if fitting else _SIZES[-1]


def host_bytes_available() -> float:
    """Bytes of the machine's memory that programs can still take; 0 where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return next((1024.0 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")), 0.0)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception of torch or vLLM says that a device has too little memory."""
    message = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in message or "can't allocate memory" in message


def retry_smaller(
    evaluate: Callable[[], Value], make_smaller: Callable[[], None], too_large: Callable[[], OrganizerError]
) -> Value:
    """Evaluate; if memory runs out, call `make_smaller` and evaluate once more.

    Raises the error of `too_large` if memory runs out again, and whatever else `evaluate` or `make_smaller` raise.
    """
    try:
        return evaluate()
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
    make_smaller()  # outside of the except clause, because its traceback would keep the memory in use
    try:
        return evaluate()
    except RuntimeError as error:
        raise (too_large() if is_out_of_memory(error) else error) from None
