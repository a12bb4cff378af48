"""The sweep: one task, every checkpoint of a suite, family by family; what is already done is not done again."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2lm_ingestion.checks import findings_of
from e2lm_ingestion.engines import Engine
from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.evaluation import Evaluation, evaluation_of_items
from e2lm_ingestion.prompts import items_by_task
from e2lm_ingestion.results import ITEMS, ResultsFolder, npz
from e2lm_ingestion.runners import Job, Runner, make_runner
from e2lm_ingestion.submission import Submission
from e2lm_ingestion.suite import Checkpoint, Suite, checkpoints_of, families, verify_checkpoint


@dataclass(frozen=True, slots=True)
class Progress:
    """One checkpoint is finished."""

    checkpoint: Checkpoint
    score: float
    seconds: float
    resumed: bool  # an earlier run had finished it
    done: int
    total: int
    seconds_left: float  # for the remaining checkpoints, by the mean of this run's


def sweep(
    submission: Submission,
    suite: Suite,
    *,
    root: Path,
    results: Path,
    make_engine: Callable[[], Engine],
    provide: Callable[[Checkpoint], None] | None = None,
    workers: int | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    deadline: float | None = None,
) -> Path:
    """Run a submission on every checkpoint under `root` and return the path of results.json.

    Nothing is written before the submission and all checkpoints are checked; weights may be missing when `provide`,
    picklable, is called with each checkpoint before its use and leaves them there. Killed and called again, it computes
    what is missing and gives the same files. `workers` is a number of processes, by default one for each GPU;
    `make_engine` must be picklable then. `deadline` is in seconds from now: when the next checkpoint would not be
    done by then, OrganizerError is raised and what is finished stays.
    """
    ends = None if deadline is None else time.perf_counter() + deadline
    rendered = items_by_task(submission)
    evaluation = evaluation_of_items(submission, rendered)
    checkpoints = checkpoints_of(suite, root)
    if provide is None:
        for checkpoint in checkpoints:
            verify_checkpoint(checkpoint)
    findings, _ = findings_of(submission, rendered)
    warnings = [{"kind": one.kind, "message": one.message, "items": list(one.items)} for one in findings]
    with closing(
        make_runner(Job(evaluation, suite.context_length, make_engine, provide or verify_checkpoint), workers)
    ) as runner:
        items = npz(evaluation.item_arrays())
        head = _head(submission, suite, evaluation, runner, items)
        folder = ResultsFolder(results, head)
        folder.keep_items(items)
        _fill(folder, runner, checkpoints, evaluation, on_progress, ends)
    return folder.complete({**head, "warnings": warnings}, checkpoints)


def _fill(
    folder: ResultsFolder,
    runner: Runner,
    checkpoints: list[Checkpoint],
    evaluation: Evaluation,
    on_progress: Callable[[Progress], None],
    ends: float | None,
) -> None:
    """Score what the folder lacks, and keep each checkpoint as soon as it is scored."""
    total = len(checkpoints)
    kept = {checkpoint: row for checkpoint in checkpoints if (row := folder.finished(checkpoint)) is not None}
    todo = [checkpoint for checkpoint in checkpoints if checkpoint not in kept]
    for done, (checkpoint, row) in enumerate(kept.items(), start=1):
        on_progress(Progress(checkpoint, row.score, row.seconds, True, done, total, 0.0))
    begun = time.perf_counter()
    for computed, (checkpoint, answers, seconds) in enumerate(runner.run(list(families(todo))), start=1):
        arrays = evaluation.arrays(answers)
        row = folder.add(checkpoint, arrays, seconds=seconds, computed_tokens=answers.computed_tokens)
        now = time.perf_counter()
        mean, left = (now - begun) / computed, len(todo) - computed
        done = len(kept) + computed
        on_progress(Progress(checkpoint, row.score, seconds, False, done, total, mean * left))
        if ends is not None and left and now + max(mean, seconds) > ends:
            raise OrganizerError(
                f"out of time: {done} of {total} checkpoints were done when the time limit came near; run again to go "
                "on, or submit fewer items or shorter prompts"
            )


def _head(submission: Submission, suite: Suite, evaluation: Evaluation, runner: Runner, items: bytes) -> dict[str, Any]:
    """The keys of results.json that say what the results are of."""
    task = submission.task
    head = {
        "suite": suite.suite,
        "suite_version": suite.version,
        "task": submission.name,
        "output_type": task.output_type,
        "metric": task.metric,
        "higher_is_better": task.higher_is_better,
        "chance": evaluation.chance,
        "submission": {"sha256": submission.sha256, "items": evaluation.count},
        "items": {"arrays": ITEMS, "sha256": hashlib.sha256(items).hexdigest()},
        "metric_list": [metric.model_dump(mode="json", exclude_unset=True) for metric in task.metric_list],
        "filter_list": [chain.model_dump(mode="json", exclude_unset=True) for chain in task.filter_list],
        "engine": runner.description,
        "models": [model.model_dump(include={"id", "size", "architecture", "mixture"}) for model in suite.models],
    }
    if evaluation.subsets:
        head["subsets"] = [{"name": name, "items": count} for name, count in evaluation.subsets]
        head["weight_by_size"] = submission.weight_by_size
    return head
