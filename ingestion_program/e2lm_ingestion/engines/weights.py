"""Reads config and tensor headers of a checkpoint without loading it, compares weights, and prefetches weight files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from math import prod
from typing import Any

from safetensors import SafetensorError, safe_open

from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.suite import Checkpoint, weight_files

_CHUNK = 16 * 2**20  # bytes read at a time
# Keys of config.json that hold the number of positions, and kinds of scaled rotary embeddings that do not include it.
_POSITION_KEYS = ("max_position_embeddings", "n_positions", "max_sequence_length", "max_seq_len", "n_ctx")
_MULTIPLYING_ROPES = ("linear", "dynamic", "yarn")
_IGNORED_KEYS = ("_name_or_path", "transformers_version")  # keys of config.json that differ between equal models


@dataclass(frozen=True, slots=True)
class Signature:
    """Config and tensor shapes, which all checkpoints of an engine group share."""

    config: dict[str, Any]
    tensors: dict[str, tuple[str, tuple[int, ...]]]  # name -> dtype, shape

    @property
    def parameters(self) -> int:
        """The number of parameters."""
        return sum(prod(shape) for _, shape in self.tensors.values())

    def difference(self, other: Signature) -> str | None:
        """The first difference of the other signature as a text, or None."""
        for key in sorted(self.config.keys() | other.config.keys()):
            if self.config.get(key) != other.config.get(key):
                return f"config.json has {key} {other.config.get(key)!r} instead of {self.config.get(key)!r}"
        for name in sorted(self.tensors.keys() | other.tensors.keys()):
            if name not in other.tensors:
                return f"tensor {name} is missing"
            if name not in self.tensors:
                return f"tensor {name} does not fit this engine group"
            if self.tensors[name] != other.tensors[name]:
                return f"tensor {name} is {_in_words(other.tensors[name])} instead of {_in_words(self.tensors[name])}"
        return None


def read_signature(checkpoint: Checkpoint) -> Signature:
    """Read config.json and the headers of the weight files. Raises OrganizerError when one is missing or damaged."""
    tensors: dict[str, tuple[str, tuple[int, ...]]] = {}
    file = checkpoint.path / "config.json"
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
        for file in weight_files(checkpoint):
            with safe_open(file, framework="numpy") as opened:
                for name in opened.keys():  # noqa: SIM118 (not a mapping)
                    part = opened.get_slice(name)
                    tensors[name] = (part.get_dtype(), tuple(part.get_shape()))
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        reason = "missing" if isinstance(error, FileNotFoundError) else "truncated or damaged"
        raise OrganizerError(f"{file}: {reason}, so {checkpoint} cannot be scored; fetch or train it again") from None
    return Signature({key: value for key, value in config.items() if key not in _IGNORED_KEYS}, tensors)


def max_positions(config: Mapping[str, Any]) -> int | None:
    """The most tokens that a model with this config.json takes; None if it does not say, as with ALiBi.

    >>> max_positions({"n_positions": 1024}), max_positions({"model_type": "mamba"})
    (1024, None)
    >>> max_positions({"max_position_embeddings": 4096, "rope_scaling": {"rope_type": "yarn", "factor": 4.0}})
    16384
    """
    positions = next((int(config[key]) for key in _POSITION_KEYS if config.get(key)), None)
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if positions is None or rope.get("rope_type", rope.get("type")) not in _MULTIPLYING_ROPES:
        return positions
    return max(positions, int(float(rope.get("factor") or 1) * rope.get("original_max_position_embeddings", positions)))


def refuse_longer_context(checkpoint: Checkpoint, config: Mapping[str, Any], context_length: int | None) -> None:
    """Raise OrganizerError when a suite's context is longer than the checkpoint has positions for."""
    positions = max_positions(config)
    if context_length is not None and positions is not None and context_length > positions:
        raise OrganizerError(
            f"{checkpoint.path / 'config.json'}: the model has {positions:,} positions, and the suite's context_length "
            f"is {context_length:,}; scores of longer prompts would be meaningless: lower context_length in suite.yaml"
        )


def same_weights(one: Checkpoint, other: Checkpoint) -> bool:
    """Whether two checkpoints have the same bytes in their weight files."""
    files, others = weight_files(one), weight_files(other)
    if [file.stat().st_size for file in files] != [file.stat().st_size for file in others]:
        return False
    for file, counterpart in zip(files, others, strict=True):
        with file.open("rb") as left, counterpart.open("rb") as right:
            while chunk := left.read(_CHUNK):
                if chunk != right.read(_CHUNK):
                    return False
    return True


def read_ahead(checkpoint: Checkpoint) -> None:
    """Read the weight files once, so that they are in the operating system's cache when the engine loads them."""
    buffer = bytearray(_CHUNK)
    with suppress(OSError, ValueError, KeyError):  # loading reports a damaged file
        for file in weight_files(checkpoint):
            with file.open("rb", buffering=0) as stream:
                while stream.readinto(buffer):
                    pass


def _in_words(tensor: tuple[str, tuple[int, ...]]) -> str:
    dtype, shape = tensor
    return f"{dtype} of {' x '.join(map(str, shape))}"
