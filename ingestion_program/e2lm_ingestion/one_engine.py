"""One engine on one device: each checkpoint is loaded once, and asked the items of every submission."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
from transformers import AutoTokenizer

from e2lm_ingestion.engines import Engine
from e2lm_ingestion.engines.weights import read_ahead
from e2lm_ingestion.errors import OrganizerError, SubmissionError
from e2lm_ingestion.evaluation import Evaluation
from e2lm_ingestion.spool import Spool
from e2lm_ingestion.suite import Checkpoint

# Encoded items that a process holds in memory; those beyond it are read from temporary files before they are asked.
# 15,000 items of four choices and 600 tokens are about 150 MB.
HELD_BYTES = 4 * 2**30


@dataclass(frozen=True, slots=True)
class Job:
    """What every process is told first: how to get the items, and how to make an engine. Picklable."""

    evaluations: Sequence[Callable[[], Evaluation]]
    context_length: int
    make_engine: Callable[[], Engine]


@dataclass(frozen=True, slots=True)
class Work:
    """One checkpoint, and the numbers of the job's evaluations that it is to be asked."""

    checkpoint: Checkpoint
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """What one checkpoint's model says of all items of one evaluation."""

    checkpoint: Checkpoint
    number: int
    arrays: dict[str, np.ndarray]  # what is kept: see Evaluation.arrays
    computed_tokens: int
    seconds: float  # loading included, where it was loaded for this


@dataclass(frozen=True, slots=True)
class Failed:
    """One evaluation cannot be asked; others can."""

    checkpoint: Checkpoint
    number: int
    error: SubmissionError | OrganizerError
    trace: str  # of Python; empty for an error that explains itself


class OneEngine:
    """The engine of this process."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._engine = job.make_engine()
        self._encoded: Spool | None = None
        self._loaded: Checkpoint | None = None
        self._failed: dict[int, Failed] = {}
        self._reader = ThreadPoolExecutor(max_workers=1)

    @property
    def description(self) -> dict[str, str]:
        """What results depend on: engine, dtype, device and versions."""
        return self._engine.description

    def run(self, families: Sequence[list[Work]]) -> Iterator[Answered | Failed]:
        """Ask every checkpoint, family by family; the next one is read while this one is asked."""
        for family in families:
            for work, following in zip_longest(family, family[1:]):
                for number in work.numbers:
                    yield self.ask(work.checkpoint, number, None if following is None else following.checkpoint)
            self.end_family()

    def ask(self, checkpoint: Checkpoint, number: int, following: Checkpoint | None = None) -> Answered | Failed:
        """Ask one evaluation; `end_family` must be called before a checkpoint of another family is.

        Raises OrganizerError when the checkpoint cannot be loaded. Whatever happens while the items are asked is the
        evaluation's failure, and it is not asked again.
        """
        if number in self._failed:
            return self._failed[number]
        begun = time.perf_counter()
        if checkpoint != self._loaded:
            self._engine.load(checkpoint)
            self._loaded = checkpoint
            if following is not None:
                self._reader.submit(read_ahead, following)
        try:
            evaluation, encoded = self._encoding(checkpoint, number)
            answers = evaluation.ask(self._engine, encoded)
            arrays = evaluation.arrays(answers)
        except Exception as error:  # of whatever kind: the other submissions go on
            self._failed[number] = _failed(checkpoint, number, error)
            if not isinstance(error, SubmissionError):  # the engine may be in any state
                self._engine.close()
                self._loaded = None
            return self._failed[number]
        return Answered(checkpoint, number, arrays, answers.computed_tokens, time.perf_counter() - begun)

    def end_family(self) -> None:
        """Free the device of a family's model, and forget its encodings."""
        self._engine.close()
        self._loaded = None
        if self._encoded is not None:
            self._encoded.close()
            self._encoded = None

    def close(self) -> None:
        """Free the device."""
        self.end_family()
        self._reader.shutdown()

    def _encoding(self, checkpoint: Checkpoint, number: int) -> tuple[Evaluation, Any]:
        """An evaluation and its items as this family's tokens; encoded when it is first asked."""
        if self._encoded is None:
            self._encoded = Spool(HELD_BYTES)
        try:
            found: tuple[Evaluation, Any] = self._encoded.get(number)
        except KeyError:
            evaluation = self._job.evaluations[number]()
            tokenizer = AutoTokenizer.from_pretrained(checkpoint.path, local_files_only=True, trust_remote_code=False)
            found = evaluation, evaluation.encode(tokenizer, self._job.context_length)
            self._encoded.put(number, found)
        return found


def _failed(checkpoint: Checkpoint, number: int, error: Exception) -> Failed:
    if isinstance(error, (SubmissionError, OrganizerError)):
        return Failed(checkpoint, number, error, "")
    said = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    trace = "".join(traceback.format_exception(error))
    return Failed(checkpoint, number, OrganizerError(f"asking {checkpoint} failed: {said}"), trace)
