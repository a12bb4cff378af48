"""Engines and item sets that compute nothing: worker processes import this file, and so need not import torch."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import numpy as np

from e2lm_ingestion.engines import Engine
from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.output_types.choices import ChoiceItemSet
from e2lm_ingestion.suite import Checkpoint
from e2lm_ingestion.task.task import task_of
from tests.ingestion.submissions import plain_task

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def nothing() -> ChoiceItemSet:
    return ChoiceItemSet([], task_of(plain_task(), "task.yaml"))


def no_engine() -> Engine:
    raise OrganizerError("there is no such device")


class Described:
    """An engine that reports a given device and accepts any checkpoint."""

    def __init__(self, device: str) -> None:
        self.description = {"device": device}

    def load(self, checkpoint: Checkpoint, group_size: int = 1) -> None:
        """Nothing to load."""

    def read_ahead(self, checkpoint: Checkpoint) -> None:
        """Nothing to read."""

    def close(self) -> None:
        """Nothing to free."""


def described_by_environment() -> Engine:
    return Described(os.environ.get("DEVICE_OF_THE_TEST", "any"))  # type: ignore[return-value]


class SameScores:
    """An item set on which every model gets the same scores."""

    computed_tokens = 1

    def encode(self, tokenizer: PreTrainedTokenizerBase, context_length: int) -> int:
        return context_length

    def score(self, engine: Engine, encoded: int) -> SameScores:
        return self

    def arrays(self, answers: SameScores) -> dict[str, np.ndarray]:
        return {"item_scores": np.ones(3, np.float32)}


class Dividing(SameScores):
    def score(self, engine: Engine, encoded: int) -> SameScores:
        raise ZeroDivisionError("of items with a bug")


class Killing(SameScores):
    def score(self, engine: Engine, encoded: int) -> SameScores:
        os.kill(os.getpid(), signal.SIGKILL)
        return self


class Slow(SameScores):
    def score(self, engine: Engine, encoded: int) -> SameScores:
        time.sleep(2)
        return self
