"""One engine on one device: loads each checkpoint once and evaluates the items of every submission on it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from e2lm_ingestion.engines import Engine
from e2lm_ingestion.errors import OrganizerError, SubmissionError
from e2lm_ingestion.execution.pickle_store import PickleStore
from e2lm_ingestion.output_types.protocol import ItemSet
from e2lm_ingestion.suite import Checkpoint, verify_checkpoint

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# Encoded items up to this size stay in the memory of a process; the rest is read from temporary files on each use.
# 15,000 items of four choices and 600 tokens are about 150 MB.
HELD_BYTES = 4 * 2**30


@dataclass(frozen=True, slots=True)
class WorkerInit:
    """First message to every worker: how to load the item sets and how to make an engine. Picklable."""

    item_sets: Sequence[Callable[[], ItemSet]]
    context_length: int
    make_engine: Callable[[], Engine]
    provide: Callable[[Checkpoint], None] = verify_checkpoint  # called before a checkpoint is loaded
    parameters: int | None = None  # of the largest model, a count; None if it is not known
    checkpoints: int = 0  # the number to evaluate


@dataclass(frozen=True, slots=True)
class CheckpointWork:
    """One checkpoint and the item sets to evaluate on it."""

    checkpoint: Checkpoint
    numbers: tuple[int, ...]  # indices into WorkerInit.item_sets


@dataclass(frozen=True, slots=True)
class EvalRequest:
    """Evaluate one item set on one checkpoint."""

    engine_group: int  # checkpoints of one group share config and tokenizer
    group_size: int  # the number of checkpoints that the group has
    checkpoint: Checkpoint
    number: int  # index into WorkerInit.item_sets
    next_checkpoint: Checkpoint | None  # probably evaluated next: its files are prefetched


@dataclass(frozen=True, slots=True)
class EvalResult:
    """Result of one item set on one checkpoint."""

    checkpoint: Checkpoint
    number: int  # index into WorkerInit.item_sets
    arrays: dict[str, np.ndarray]  # arrays of the results folder: see ItemSet.arrays
    computed_tokens: int  # tokens that went through the model
    seconds: float  # of the model's answers, and of loading the checkpoint if this request did; none of metrics
    engine: dict[str, str]  # the engine's description afterwards: limits may have changed during the evaluation


@dataclass(frozen=True, slots=True)
class EvalFailure:
    """One item set cannot be evaluated; the others are not affected."""

    checkpoint: Checkpoint
    number: int  # index into WorkerInit.item_sets
    error: SubmissionError | OrganizerError
    trace: str = ""  # Python traceback of an unexpected exception


class EngineSession:
    """An engine with the checkpoint that is loaded, the encoded items of its engine group and a prefetch thread."""

    def __init__(self, init: WorkerInit) -> None:
        self._init = init
        self._engine = init.make_engine()
        self._encoded: PickleStore | None = None
        self._engine_group: int | None = None
        self._tokenizer: PreTrainedTokenizerBase | None = None
        self._loaded: Checkpoint | None = None
        self._reader = ThreadPoolExecutor(max_workers=1)
        self._ahead: tuple[Checkpoint, Future[None]] | None = None

    @property
    def description(self) -> dict[str, str]:
        """Everything about the engine that results depend on: its name, dtype, device and versions."""
        return self._engine.description

    def run(self, engine_groups: Sequence[list[CheckpointWork]]) -> Iterator[EvalResult | EvalFailure]:
        """Evaluate every checkpoint, group by group. An item set that failed once fails for the rest at once."""
        works = [(engine_group, work) for engine_group, members in enumerate(engine_groups) for work in members]
        failed: dict[int, EvalFailure] = {}
        for index, (engine_group, work) in enumerate(works):
            next_checkpoint = works[index + 1][1].checkpoint if index + 1 < len(works) else None
            for number in work.numbers:
                request = EvalRequest(
                    engine_group, len(engine_groups[engine_group]), work.checkpoint, number, next_checkpoint
                )
                answer = failed.get(number) or self.evaluate(request)
                if isinstance(answer, EvalFailure):
                    failed[number] = answer
                yield answer

    def evaluate(self, request: EvalRequest) -> EvalResult | EvalFailure:
        """Evaluate one item set and prefetch the next checkpoint at the same time.

        Raises OrganizerError when the checkpoint cannot be loaded. After any other exception the engine is in an
        unknown state and must not be used again.
        """
        begun = time.perf_counter()
        checkpoint, number = request.checkpoint, request.number
        if request.engine_group != self._engine_group:
            self._end_engine_group()
            self._engine_group = request.engine_group
        if checkpoint != self._loaded:
            self._load(request)
        try:
            item_set, encoded = self._encoding(checkpoint, number)
            answers = item_set.score(self._engine, encoded)
            seconds = time.perf_counter() - begun
            arrays = item_set.arrays(answers)
        except SubmissionError as error:
            return EvalFailure(checkpoint, number, error)
        except OrganizerError as error:  # for example too little device memory for these items
            self._engine.close()
            self._loaded = None
            return EvalFailure(checkpoint, number, error)
        return EvalResult(checkpoint, number, arrays, answers.computed_tokens, seconds, self._engine.description)

    def close(self) -> None:
        """Free the device. Does not wait for a prefetch, which may be a download of several minutes."""
        self._reader.shutdown(wait=False, cancel_futures=True)
        self._end_engine_group()

    def _load(self, request: EvalRequest) -> None:
        checkpoint, next_checkpoint = request.checkpoint, request.next_checkpoint
        if self._ahead is not None and self._ahead[0] == checkpoint:
            self._ahead[1].result()
        else:
            self._init.provide(checkpoint)
        self._engine.load(checkpoint, request.group_size)
        self._loaded = checkpoint
        if next_checkpoint is not None and (self._ahead is None or self._ahead[0] != next_checkpoint):
            self._ahead = next_checkpoint, self._reader.submit(self._read_ahead, next_checkpoint)

    def _read_ahead(self, checkpoint: Checkpoint) -> None:
        self._init.provide(checkpoint)
        self._engine.read_ahead(checkpoint)

    def _end_engine_group(self) -> None:
        """Free the device and drop the engine group's tokenizer and encoded items."""
        self._engine.close()
        self._loaded = self._tokenizer = None
        if self._encoded is not None:
            self._encoded.close()
            self._encoded = None

    def _encoding(self, checkpoint: Checkpoint, number: int) -> tuple[ItemSet, Any]:
        """The item set and its items encoded with this engine group's tokenizer; encodes them on first use."""
        if self._encoded is None:
            self._encoded = PickleStore(HELD_BYTES)
        try:
            found: tuple[ItemSet, Any] = self._encoded.get(number)
        except KeyError:
            item_set = self._init.item_sets[number]()
            found = item_set, item_set.encode(self._tokenizer_of(checkpoint), self._init.context_length)
            self._encoded.put(number, found)
        return found

    def _tokenizer_of(self, checkpoint: Checkpoint) -> PreTrainedTokenizerBase:
        """The engine group's tokenizer, loaded on first use."""
        if self._tokenizer is None:
            from transformers import AutoTokenizer  # imported here because the import takes seconds

            try:
                self._tokenizer = AutoTokenizer.from_pretrained(
                    checkpoint.path, local_files_only=True, trust_remote_code=False
                )
            except (ValueError, ImportError, KeyError, TypeError, AttributeError) as error:
                raise OrganizerError(f"{checkpoint.path}: {_why_no_tokenizer(checkpoint.path, error)}") from None
        return self._tokenizer


def _why_no_tokenizer(folder: Path, error: Exception) -> str:
    """The reason why a tokenizer cannot be loaded, and the remedy, as one line."""
    with suppress(OSError, ValueError):
        configuration = json.loads((folder / "tokenizer_config.json").read_bytes())
        if isinstance(configuration, dict) and "auto_map" in configuration:
            return (
                "the tokenizer needs code of its own (auto_map in tokenizer_config.json), which is never run; save it "
                "as tokenizer.json and remove auto_map"
            )
    return f"the tokenizer cannot be loaded: {' '.join(str(error).split())[:200]}; save it as tokenizer.json"
