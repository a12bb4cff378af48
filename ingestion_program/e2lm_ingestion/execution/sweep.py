"""Sweep: evaluates one or more submissions on every checkpoint of a suite, and resumes where an earlier run ended."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from e2lm_ingestion.checks import check_items, questions_in
from e2lm_ingestion.checks.questions import Finding, Question
from e2lm_ingestion.engines import Engine
from e2lm_ingestion.engines.weights import read_signature
from e2lm_ingestion.errors import OrganizerError, OutOfTimeError, SubmissionError
from e2lm_ingestion.execution.engine_session import CheckpointWork, EvalFailure, EvalResult, WorkerInit
from e2lm_ingestion.execution.pickle_store import PickleStore, unpickled
from e2lm_ingestion.execution.process_pool import make_runner
from e2lm_ingestion.execution.scheduler import Runner
from e2lm_ingestion.file_names import ITEMS, RESULTS
from e2lm_ingestion.output_types.item_sets import item_set_of_items
from e2lm_ingestion.output_types.items import items_by_task
from e2lm_ingestion.output_types.protocol import Item, ItemSet
from e2lm_ingestion.results.folder import Finished, ResultsFolder, npz
from e2lm_ingestion.submission.submission import Submission
from e2lm_ingestion.suite import Checkpoint, Suite, checkpoints_of, engine_groups, verify_checkpoint


@dataclass(frozen=True, slots=True)
class Progress:
    """One checkpoint is finished for one submission."""

    number: int  # of the submission
    checkpoint: Checkpoint
    score: float  # mean of the item scores
    seconds: float
    resumed: bool  # an earlier run had finished it
    done: int  # finished pairs of submission and checkpoint
    total: int  # all pairs
    seconds_left: float  # estimate for the remaining pairs from the mean of this run


@dataclass(frozen=True, slots=True)
class PreparedSubmission:
    """One submission of a sweep; its rendered items are in the store under `number`."""

    number: int
    results: Path  # folder
    head: Mapping[str, Any]  # keys of results.json that identify the run; "engine" is still empty
    items: bytes  # content of items.npz
    warnings: Sequence[Mapping[str, Any]]


class CheckpointCache(Protocol):
    """Fetches weights when they are needed and evicts them afterwards."""

    @property
    def provide(self) -> Callable[[Checkpoint], None]:
        """A picklable function that fetches a checkpoint's missing files; each worker calls it before it loads one."""

    def release(self, checkpoint: Checkpoint) -> None:
        """Called when a checkpoint is not needed any more."""


def sweep(
    submission: Submission,
    suite: Suite,
    *,
    root: Path,
    results: Path,
    make_engine: Callable[[], Engine],
    checkpoint_cache: CheckpointCache | None = None,
    workers: int | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    deadline: float | None = None,
) -> Path:
    """Run a submission on every checkpoint under `root` and return the path of results.json.

    Nothing is written before the submission and all checkpoints have been checked; weights may be missing when a
    `checkpoint_cache` is given. A run that was killed can be repeated: it computes only missing checkpoints and writes
    the same files. `workers` is the number of processes, by default what `worker_devices` chooses; with several,
    `make_engine` must be picklable. `deadline` is in seconds from now: OrganizerError is raised as soon as the next
    checkpoint would probably miss it, and finished checkpoints are kept.
    """
    ends = None if deadline is None else time.perf_counter() + deadline
    with closing(PickleStore(0)) as store:
        sweep_prepared(
            prepare(submission, suite, results, store, 0),
            store,
            suite,
            root=root,
            make_engine=make_engine,
            checkpoint_cache=checkpoint_cache,
            workers=workers,
            on_progress=on_progress,
            ends=ends,
        )
    return results / RESULTS


def sweep_prepared(
    prepared: PreparedSubmission,
    store: PickleStore,
    suite: Suite,
    *,
    root: Path,
    make_engine: Callable[[], Engine],
    checkpoint_cache: CheckpointCache | None = None,
    workers: int | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_asking: Callable[[], None] = lambda: None,
    shuffled: bool = False,
    ends: float | None = None,
) -> None:
    """`sweep` for a submission that is prepared in `store` already; `ends` is a time of `time.perf_counter`.

    `on_asking` is called before the first model is asked: messages before that do not depend on answers. `shuffled`
    evaluates the checkpoints of an engine group in an order that nobody can predict.
    """

    def fail(prepared: PreparedSubmission, error: SubmissionError | OrganizerError, trace: str) -> None:
        raise error

    sweep_all(
        [prepared],
        store,
        suite,
        root=root,
        make_engine=make_engine,
        start=partial(make_runner, workers=workers),
        checkpoint_cache=checkpoint_cache,
        on_progress=on_progress,
        on_failure=fail,
        on_asking=on_asking,
        shuffled=shuffled,
        ends=ends,
    )


def is_finished(
    submission: Submission, suite: Suite, results: Path, *, root: Path, engine: str = "auto", dtype: str = "auto"
) -> bool:
    """Whether `results` is complete for this submission and suite. Renders no item and starts no engine.

    With `auto`, results of any engine or dtype count as complete. Raises OrganizerError when the folder holds results
    of another submission, suite or metric.
    """
    required = {key: value for key, value in (("name", engine), ("dtype", dtype)) if value != "auto"}
    identity = {**_identity(submission, suite), "submission": {"sha256": submission.sha256}, "engine": required}
    return ResultsFolder(results, identity).is_complete(checkpoints_of(suite, root))


def prepare(
    submission: Submission,
    suite: Suite,
    results: Path,
    store: PickleStore,
    number: int,
    also_check: Callable[[Sequence[Question]], Sequence[Finding]] = lambda questions: (),
    also_require: Callable[[Mapping[str, list[Item]]], None] = lambda tasks: None,
) -> PreparedSubmission:
    """Render a submission's items into the store. Raises SubmissionError naming file and line.

    The findings of `also_check` are warnings as well: those that depend on the suite. `also_require` gets the items of
    each task and may raise SubmissionError.
    """
    rendered = items_by_task(submission)
    item_set = item_set_of_items(submission, rendered)
    questions = questions_in(rendered)
    checked = check_items(submission, rendered, questions, item_set)
    findings = [*checked.findings, *also_check(questions)]
    also_require(rendered)
    warnings = [{**asdict(one), "items": list(one.items)} for one in findings]
    items = npz({**item_set.item_arrays(), **checked.item_arrays})
    store.put(number, item_set)
    return PreparedSubmission(number, results, _head(submission, suite, item_set, items), items, warnings)


def sweep_all(
    prepared_submissions: Sequence[PreparedSubmission],
    store: PickleStore,
    suite: Suite,
    *,
    root: Path,
    make_engine: Callable[[], Engine],
    start: Callable[[WorkerInit], Runner],
    on_progress: Callable[[Progress], None],
    on_failure: Callable[[PreparedSubmission, SubmissionError | OrganizerError, str], None],
    on_asking: Callable[[], None] = lambda: None,
    checkpoint_cache: CheckpointCache | None = None,
    shuffled: bool = False,
    ends: float | None = None,
) -> None:
    """Run prepared submissions on every checkpoint; each checkpoint is loaded once for all submissions.

    `prepared_submissions` are numbered from 0, and `store` keeps everything in files so that workers can read it.
    `on_failure` is called once for each submission that fails. An error that affects all submissions, such as a damaged
    checkpoint, is raised as OrganizerError. `on_asking`, `shuffled` and `ends` as in `sweep_prepared`.
    """
    checkpoints = checkpoints_of(suite, root)
    if checkpoint_cache is None:
        for checkpoint in checkpoints:
            verify_checkpoint(checkpoint)
    sources = [partial(unpickled, store.path(prepared.number)) for prepared in prepared_submissions]
    provide = verify_checkpoint if checkpoint_cache is None else checkpoint_cache.provide
    init = WorkerInit(
        sources,
        suite.context_length,
        make_engine,
        provide,
        # With a checkpoint cache, whose size is for one engine on each GPU, files may be missing.
        parameters=_largest(checkpoints) if checkpoint_cache is None else None,
        checkpoints=len(checkpoints),
    )
    with closing(start(init)) as runner:
        sweep_run = _SweepRun(prepared_submissions, checkpoints, runner, on_progress, on_failure, shuffled)
        on_asking()
        sweep_run.fill(ends, (lambda checkpoint: None) if checkpoint_cache is None else checkpoint_cache.release)
    for number, folder in sweep_run.folders.items():
        prepared = prepared_submissions[number]
        folder.complete({**prepared.head, "engine": runner.description, "warnings": prepared.warnings}, checkpoints)


def _largest(checkpoints: list[Checkpoint]) -> int:
    """The number of parameters of the largest model, from the headers of its first checkpoint's files."""
    return max(read_signature(members[0]).parameters for members in engine_groups(checkpoints))


class _SweepRun:
    """Fills the results folders of the submissions that have not failed."""

    def __init__(
        self,
        prepared_submissions: Sequence[PreparedSubmission],
        checkpoints: Sequence[Checkpoint],
        runner: Runner,
        on_progress: Callable[[Progress], None],
        on_failure: Callable[[PreparedSubmission, SubmissionError | OrganizerError, str], None],
        shuffled: bool,
    ) -> None:
        self._shuffled = shuffled
        self._prepared_submissions, self._checkpoints, self._runner = prepared_submissions, checkpoints, runner
        self._on_progress, self._on_failure = on_progress, on_failure
        self._done, self._total = 0, len(prepared_submissions) * len(checkpoints)
        self.folders: dict[int, ResultsFolder] = {}
        for prepared in prepared_submissions:
            try:
                folder = ResultsFolder(prepared.results, {**prepared.head, "engine": runner.description})
            except OrganizerError as error:  # the folder holds other results
                on_failure(prepared, error, "")
                continue
            folder.begin(prepared.items)
            self.folders[prepared.number] = folder

    def fill(self, ends: float | None, release: Callable[[Checkpoint], None]) -> None:
        """Evaluate missing checkpoints, write each result at once, and release checkpoints that are done."""
        todo = self._missing()
        open_requests = {work.checkpoint: len(work.numbers) for engine_group in todo for work in engine_group}
        left = sum(open_requests.values())
        begun = time.perf_counter()
        for computed, answer in enumerate(self._runner.run(todo), start=1):
            left -= 1
            seconds_left = (time.perf_counter() - begun) / computed * left
            self._record(answer, seconds_left)
            open_requests[answer.checkpoint] -= 1
            if not open_requests[answer.checkpoint]:
                release(answer.checkpoint)
            now = time.perf_counter()
            mean, seconds = (now - begun) / computed, 0.0 if isinstance(answer, EvalFailure) else answer.seconds
            if ends is not None and left and now + max(mean, seconds) > ends:
                raise OutOfTimeError(
                    f"out of time: {self._done} of {self._total} checkpoints were done when the time limit came near; "
                    "run again to go on, or submit fewer items or shorter prompts"
                )

    def _record(self, answer: EvalResult | EvalFailure, seconds_left: float) -> None:
        """Write a result unless its submission has failed; report a submission's first failure."""
        folder = self.folders.get(answer.number)
        if folder is None:
            return
        if isinstance(answer, EvalFailure):
            del self.folders[answer.number]
            self._on_failure(self._prepared_submissions[answer.number], answer.error, answer.trace)
            return
        row = folder.add(
            answer.checkpoint,
            answer.arrays,
            seconds=answer.seconds,
            computed_tokens=answer.computed_tokens,
            engine=answer.engine,
        )
        self._report(answer.number, answer.checkpoint, row, False, answer.seconds, seconds_left)

    def _missing(self) -> list[list[CheckpointWork]]:
        """The remaining work by engine group. Reports progress for checkpoints that an earlier run finished."""
        numbers: dict[Checkpoint, list[int]] = {}
        for checkpoint in self._checkpoints:
            for number, folder in self.folders.items():
                if (row := folder.finished(checkpoint)) is not None:
                    self._report(number, checkpoint, row, True, row.seconds, 0.0)
                else:
                    numbers.setdefault(checkpoint, []).append(number)
        todo = [
            [CheckpointWork(checkpoint, tuple(numbers[checkpoint])) for checkpoint in engine_group]
            for engine_group in engine_groups(list(numbers))
        ]
        if self._shuffled:
            for works in todo:
                random.SystemRandom().shuffle(works)
        return todo

    def _report(
        self, number: int, checkpoint: Checkpoint, row: Finished, resumed: bool, seconds: float, left: float
    ) -> None:
        self._done += 1
        self._on_progress(Progress(number, checkpoint, row.score, seconds, resumed, self._done, self._total, left))


def _identity(submission: Submission, suite: Suite) -> dict[str, Any]:
    """Keys of results.json that identify the run, as far as they are known without rendering the items."""
    task = submission.task
    return {
        "suite": suite.suite,
        "suite_version": suite.version,
        "task": submission.name,
        "output_type": task.output_type,
        "metric": task.metric,
        "higher_is_better": task.higher_is_better,
        "metric_list": [metric.model_dump(mode="json", exclude_unset=True) for metric in task.metric_list],
        "filter_list": [chain.model_dump(mode="json", exclude_unset=True) for chain in task.filter_list],
        "models": [model.model_dump(include={"id", "size", "architecture", "mixture"}) for model in suite.models],
    }


def _head(submission: Submission, suite: Suite, item_set: ItemSet, items: bytes) -> dict[str, Any]:
    """Keys of results.json that identify the run; "engine" is still empty."""
    head = {
        **_identity(submission, suite),
        "chance": item_set.chance,
        "submission": {"sha256": submission.sha256, "items": item_set.count},
        "items": {"arrays": ITEMS, "sha256": hashlib.sha256(items).hexdigest()},
        "engine": {},
    }
    if item_set.subsets:
        head["subsets"] = [{"name": name, "items": count} for name, count in item_set.subsets]
        head["weight_by_size"] = submission.weight_by_size
    return head
