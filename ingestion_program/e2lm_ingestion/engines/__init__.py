"""Engines compute log-likelihoods and generations with a checkpoint's weights; `Engine` is their common interface."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from e2lm_ingestion.engines.requests import Requests
from e2lm_ingestion.engines.shared_device import memory_share
from e2lm_ingestion.suite import Checkpoint


@dataclass(frozen=True, slots=True)
class LogLikelihoods:
    """The log-likelihood of each request's continuation."""

    values: np.ndarray  # (requests,) float32, nats: the sum of the continuation's token log-probabilities
    greedy: np.ndarray  # (requests,) bool: every continuation token was the most likely one
    computed_tokens: int  # tokens that went through the model


@dataclass(frozen=True, slots=True)
class Stop:
    """When a generation ends: after one of `tokens`, when the text contains one of `texts`, or after `max_tokens`."""

    tokens: frozenset[int]
    texts: tuple[str, ...]
    max_tokens: int
    decode: Callable[[Sequence[int]], str]

    def reached(self, generated: Sequence[int]) -> bool:
        """Whether a generation with these tokens has ended."""
        if len(generated) >= self.max_tokens or (generated and generated[-1] in self.tokens):
            return True
        text = self.decode(generated) if self.texts else ""
        return any(stop in text for stop in self.texts)


@dataclass(frozen=True, slots=True)
class Generations:
    """The tokens that the model generates after each prompt."""

    tokens: list[list[int]]  # for each prompt, including the token that ended the generation
    computed_tokens: int  # tokens that went through the model


ENGINES = ("auto", "vllm", "transformers", "vllm-reference")


class Engine(Protocol):
    """An engine for one engine group of checkpoints on one device."""

    @property
    def description(self) -> dict[str, str]:
        """Everything about the engine that results depend on: its name, dtype, device and versions."""

    def load(self, checkpoint: Checkpoint, group_size: int = 1) -> None:
        """Load a checkpoint's weights; `group_size` is the number of checkpoints that this engine group has.

        Raises OrganizerError when they do not belong to this engine group.
        """

    def read_ahead(self, checkpoint: Checkpoint) -> None:
        """Prepare loading a checkpoint; called in another thread while the engine computes with the one before it.

        Leaves errors to `load`.
        """

    def loglikelihoods(self, requests: Requests) -> LogLikelihoods:
        """Score the continuations of all requests with the loaded weights."""

    def generate(self, prompts: Sequence[Sequence[int]], stop: Stop) -> Generations:
        """Generate a continuation of each prompt (token ids) greedily."""

    def close(self) -> None:
        """Free the device."""


def make_engine(name: str, dtype: str, context_length: int) -> Engine:
    """Make an engine by name; auto is vLLM if it is installed and there is a GPU, else transformers.

    Raises OrganizerError when the engine or the dtype is not available on this machine, and for auto also when there
    is a GPU that cannot be used.
    """
    if name == "auto":
        import torch  # imported here: it takes seconds, and `e2lm check` counts tokens without it

        from e2lm_ingestion.engines.device import refuse_unusable_gpu

        refuse_unusable_gpu()
        name = "vllm" if importlib.util.find_spec("vllm") and torch.cuda.is_available() else "transformers"
    if name in ("vllm", "vllm-reference"):
        from e2lm_ingestion.engines.vllm import VllmEngine

        return VllmEngine(
            dtype,
            context_length=context_length,
            reference=name == "vllm-reference",
            memory_share=memory_share(),
        )
    if name != "transformers":
        raise NotImplementedError(f"{name} is in ENGINES, but make_engine has no branch for it")
    from e2lm_ingestion.engines.transformers import TransformersEngine

    return TransformersEngine(dtype, context_length=context_length, memory_share=memory_share())
