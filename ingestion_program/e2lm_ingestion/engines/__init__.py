"""Engines turn requests and weights into log-likelihoods; `Engine` is all that the sweep knows of one."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from e2lm_ingestion.engines.requests import Requests
from e2lm_ingestion.suite import Checkpoint


@dataclass(frozen=True, slots=True)
class LogLikelihoods:
    """What the model says of each request's continuation."""

    values: np.ndarray  # (requests,) float32, nats: the sum of the continuation's token log-probabilities
    greedy: np.ndarray  # (requests,) bool: every continuation token was the most likely one
    computed_tokens: int  # tokens that went through the model


@dataclass(frozen=True, slots=True)
class Stop:
    """When a generation ends: after one of `tokens`, once the text has one of `texts`, or after `max_tokens`."""

    tokens: frozenset[int]
    texts: tuple[str, ...]
    max_tokens: int
    decode: Callable[[Sequence[int]], str]

    def reached(self, written: Sequence[int]) -> bool:
        """Whether a model that has written these tokens is done."""
        if len(written) >= self.max_tokens or (written and written[-1] in self.tokens):
            return True
        text = self.decode(written) if self.texts else ""
        return any(stop in text for stop in self.texts)


@dataclass(frozen=True, slots=True)
class Generations:
    """What the model writes after each prompt."""

    tokens: list[list[int]]  # up to and with what ended it
    computed_tokens: int  # tokens that went through the model


ENGINES = ("auto", "vllm", "transformers")


class Engine(Protocol):
    """One engine group of checkpoints on one device."""

    @property
    def description(self) -> dict[str, str]:
        """What results depend on: engine, dtype, device and versions."""

    def load(self, checkpoint: Checkpoint) -> None:
        """Put a checkpoint's weights in place. Raises OrganizerError when they are not of this engine group."""

    def loglikelihoods(self, requests: Requests) -> LogLikelihoods:
        """Score the continuations of all requests with the loaded weights."""

    def generate(self, prompts: Sequence[Sequence[int]], stop: Stop) -> Generations:
        """Write on after each prompt, always with the most likely token."""

    def close(self) -> None:
        """Free the device."""


def make_engine(name: str, dtype: str, context_length: int) -> Engine:
    """An engine by name; auto is vLLM where it is installed and there is a GPU, else transformers.

    Raises OrganizerError when the engine or the dtype is not to be had on this machine.
    """
    if name == "auto":
        import torch  # not at the top: a check of a submission counts tokens without it, and it takes seconds to import

        name = "vllm" if importlib.util.find_spec("vllm") and torch.cuda.is_available() else "transformers"
    if name == "vllm":
        from e2lm_ingestion.engines.vllm import VllmEngine

        return VllmEngine(dtype, context_length=context_length)
    from e2lm_ingestion.engines.transformers import TransformersEngine

    return TransformersEngine(dtype)
