"""One engine on one device: each checkpoint is loaded once, and asked the items of every submission."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from e2lm_ingestion.engines import Engine
from e2lm_ingestion.engines.weights import read_ahead
from e2lm_ingestion.errors import OrganizerError, SubmissionError
from e2lm_ingestion.execution.pickle_store import PickleStore
from e2lm_ingestion.output_types.protocol import ItemSet
from e2lm_ingestion.suite import Checkpoint, verify_checkpoint

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# Encoded items that a process holds in memory; those beyond it are read from temporary files before they are asked.
# 15,000 items of four choices and 600 tokens are about 150 MB.
HELD_BYTES = 4 * 2**30


@dataclass(frozen=True, slots=True)
class WorkerInit:
    """What every process is told first: how to get the items, and how to make an engine. Picklable."""

    item_sets: Sequence[Callable[[], ItemSet]]
    context_length: int
    make_engine: Callable[[], Engine]
    provide: Callable[[Checkpoint], None] = verify_checkpoint  # called before a checkpoint is loaded


@dataclass(frozen=True, slots=True)
class CheckpointWork:
    """One checkpoint, and the numbers of the worker's item sets that it is to be asked."""

    checkpoint: Checkpoint
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class EvalRequest:
    """One item set for one checkpoint."""

    engine_group: int  # checkpoints of one number share config and tokenizer
    checkpoint: Checkpoint
    number: int
    next_checkpoint: Checkpoint | None  # what is probably asked next, to be read meanwhile


@dataclass(frozen=True, slots=True)
class EvalResult:
    """What one checkpoint's model says of all items of one item set."""

    checkpoint: Checkpoint
    number: int
    arrays: dict[str, np.ndarray]  # what is kept: see ItemSet.arrays
    computed_tokens: int
    seconds: float  # loading included, where it was loaded for this


@dataclass(frozen=True, slots=True)
class EvalFailure:
    """One item set cannot be asked; others can."""

    checkpoint: Checkpoint
    number: int
    error: SubmissionError | OrganizerError
    trace: str = ""  # Python's, of an error that nobody expected


class EngineSession:
    """The engine of this process."""

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
        """What results depend on: engine, dtype, device and versions."""
        return self._engine.description

    def run(self, engine_groups: Sequence[list[CheckpointWork]]) -> Iterator[EvalResult | EvalFailure]:
        """Ask every checkpoint, engine group by engine group; what has failed once is not asked again."""
        works = [(engine_group, work) for engine_group, members in enumerate(engine_groups) for work in members]
        failed: dict[int, EvalFailure] = {}
        for at, (engine_group, work) in enumerate(works):
            next_checkpoint = works[at + 1][1].checkpoint if at + 1 < len(works) else None
            for number in work.numbers:
                answer = failed.get(number) or self.evaluate(
                    EvalRequest(engine_group, work.checkpoint, number, next_checkpoint)
                )
                if isinstance(answer, EvalFailure):
                    failed[number] = answer
                yield answer

    def evaluate(self, request: EvalRequest) -> EvalResult | EvalFailure:
        """Ask one item set, and read the checkpoint that follows meanwhile.

        Raises OrganizerError when the checkpoint cannot be loaded; after any other error than that, this engine is not
        to be asked again.
        """
        begun = time.perf_counter()
        checkpoint, number = request.checkpoint, request.number
        if request.engine_group != self._engine_group:
            self._end_engine_group()
            self._engine_group = request.engine_group
        if checkpoint != self._loaded:
            self._load(checkpoint, request.next_checkpoint)
        try:
            item_set, encoded = self._encoding(checkpoint, number)
            answers = item_set.score(self._engine, encoded)
            arrays = item_set.arrays(answers)
        except SubmissionError as error:
            return EvalFailure(checkpoint, number, error)
        except OrganizerError as error:  # the device has too little memory for it, say
            self._engine.close()
            self._loaded = None
            return EvalFailure(checkpoint, number, error)
        return EvalResult(checkpoint, number, arrays, answers.computed_tokens, time.perf_counter() - begun)

    def close(self) -> None:
        """Free the device; what is read ahead, maybe fetched for minutes, is not waited for."""
        self._reader.shutdown(wait=False, cancel_futures=True)
        self._end_engine_group()

    def _load(self, checkpoint: Checkpoint, next_checkpoint: Checkpoint | None) -> None:
        if self._ahead is not None and self._ahead[0] == checkpoint:
            self._ahead[1].result()
        else:
            self._init.provide(checkpoint)
        self._engine.load(checkpoint)
        self._loaded = checkpoint
        if next_checkpoint is not None and (self._ahead is None or self._ahead[0] != next_checkpoint):
            self._ahead = next_checkpoint, self._reader.submit(self._read_ahead, next_checkpoint)

    def _read_ahead(self, checkpoint: Checkpoint) -> None:
        self._init.provide(checkpoint)
        read_ahead(checkpoint)

    def _end_engine_group(self) -> None:
        """Free the device of an engine group's model, and forget its encodings."""
        self._engine.close()
        self._loaded = self._tokenizer = None
        if self._encoded is not None:
            self._encoded.close()
            self._encoded = None

    def _encoding(self, checkpoint: Checkpoint, number: int) -> tuple[ItemSet, Any]:
        """An item set and its items as this engine group's tokens; encoded when it is first asked."""
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
        """The engine group's tokenizer."""
        if self._tokenizer is None:
            from transformers import AutoTokenizer  # not at the top: it takes seconds

            self._tokenizer = AutoTokenizer.from_pretrained(
                checkpoint.path, local_files_only=True, trust_remote_code=False
            )
        return self._tokenizer
