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
from e2lm_ingestion.evaluation import Evaluation
from e2lm_ingestion.spool import Spool
from e2lm_ingestion.suite import Checkpoint, verify_checkpoint

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# Encoded items that a process holds in memory; those beyond it are read from temporary files before they are asked.
# 15,000 items of four choices and 600 tokens are about 150 MB.
HELD_BYTES = 4 * 2**30


@dataclass(frozen=True, slots=True)
class Job:
    """What every process is told first: how to get the items, and how to make an engine. Picklable."""

    evaluations: Sequence[Callable[[], Evaluation]]
    context_length: int
    make_engine: Callable[[], Engine]
    provide: Callable[[Checkpoint], None] = verify_checkpoint  # called before a checkpoint is loaded


@dataclass(frozen=True, slots=True)
class Work:
    """One checkpoint, and the numbers of the job's evaluations that it is to be asked."""

    checkpoint: Checkpoint
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """One evaluation for one checkpoint."""

    family: int  # checkpoints of one number share config and tokenizer
    checkpoint: Checkpoint
    number: int
    following: Checkpoint | None  # what is probably asked next, to be read meanwhile


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
    trace: str = ""  # Python's, of an error that nobody expected


class OneEngine:
    """The engine of this process."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._engine = job.make_engine()
        self._encoded: Spool | None = None
        self._family: int | None = None
        self._tokenizer: PreTrainedTokenizerBase | None = None
        self._loaded: Checkpoint | None = None
        self._reader = ThreadPoolExecutor(max_workers=1)
        self._ahead: tuple[Checkpoint, Future[None]] | None = None

    @property
    def description(self) -> dict[str, str]:
        """What results depend on: engine, dtype, device and versions."""
        return self._engine.description

    def run(self, families: Sequence[list[Work]]) -> Iterator[Answered | Failed]:
        """Ask every checkpoint, family by family; what has failed once is not asked again."""
        works = [(family, work) for family, members in enumerate(families) for work in members]
        failed: dict[int, Failed] = {}
        for at, (family, work) in enumerate(works):
            following = works[at + 1][1].checkpoint if at + 1 < len(works) else None
            for number in work.numbers:
                answer = failed.get(number) or self.ask(Question(family, work.checkpoint, number, following))
                if isinstance(answer, Failed):
                    failed[number] = answer
                yield answer

    def ask(self, question: Question) -> Answered | Failed:
        """Ask one evaluation, and read the checkpoint that follows meanwhile.

        Raises OrganizerError when the checkpoint cannot be loaded; after any other error than that, this engine is not
        to be asked again.
        """
        begun = time.perf_counter()
        checkpoint, number = question.checkpoint, question.number
        if question.family != self._family:
            self._end_family()
            self._family = question.family
        if checkpoint != self._loaded:
            self._load(checkpoint, question.following)
        try:
            evaluation, encoded = self._encoding(checkpoint, number)
            answers = evaluation.ask(self._engine, encoded)
            arrays = evaluation.arrays(answers)
        except SubmissionError as error:
            return Failed(checkpoint, number, error)
        except OrganizerError as error:  # the device has too little memory for it, say
            self._engine.close()
            self._loaded = None
            return Failed(checkpoint, number, error)
        return Answered(checkpoint, number, arrays, answers.computed_tokens, time.perf_counter() - begun)

    def close(self) -> None:
        """Free the device; what is read ahead, maybe fetched for minutes, is not waited for."""
        self._reader.shutdown(wait=False, cancel_futures=True)
        self._end_family()

    def _load(self, checkpoint: Checkpoint, following: Checkpoint | None) -> None:
        if self._ahead is not None and self._ahead[0] == checkpoint:
            self._ahead[1].result()
        else:
            self._job.provide(checkpoint)
        self._engine.load(checkpoint)
        self._loaded = checkpoint
        if following is not None and (self._ahead is None or self._ahead[0] != following):
            self._ahead = following, self._reader.submit(self._read_ahead, following)

    def _read_ahead(self, checkpoint: Checkpoint) -> None:
        self._job.provide(checkpoint)
        read_ahead(checkpoint)

    def _end_family(self) -> None:
        """Free the device of a family's model, and forget its encodings."""
        self._engine.close()
        self._loaded = self._tokenizer = None
        if self._encoded is not None:
            self._encoded.close()
            self._encoded = None

    def _encoding(self, checkpoint: Checkpoint, number: int) -> tuple[Evaluation, Any]:
        """An evaluation and its items as this family's tokens; encoded when it is first asked."""
        if self._encoded is None:
            self._encoded = Spool(HELD_BYTES)
        try:
            found: tuple[Evaluation, Any] = self._encoded.get(number)
        except KeyError:
            evaluation = self._job.evaluations[number]()
            found = evaluation, evaluation.encode(self._tokenizer_of(checkpoint), self._job.context_length)
            self._encoded.put(number, found)
        return found

    def _tokenizer_of(self, checkpoint: Checkpoint) -> PreTrainedTokenizerBase:
        """The family's tokenizer."""
        if self._tokenizer is None:
            from transformers import AutoTokenizer  # not at the top: it takes seconds

            self._tokenizer = AutoTokenizer.from_pretrained(
                checkpoint.path, local_files_only=True, trust_remote_code=False
            )
        return self._tokenizer
