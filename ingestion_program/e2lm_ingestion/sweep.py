"""The sweep: one task, every checkpoint of a suite, family by family; what is already done is not done again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from transformers import AutoTokenizer

from e2lm_ingestion.encoding import Requests, encode
from e2lm_ingestion.engines import Engine, LogLikelihoods
from e2lm_ingestion.engines.weights import read_ahead
from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.item_metrics import Choices, choices_of, item_scores
from e2lm_ingestion.prompts import Item, build_items
from e2lm_ingestion.results import ResultsFolder
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
    on_progress: Callable[[Progress], None] = lambda progress: None,
    deadline: float | None = None,
) -> Path:
    """Run a submission on every checkpoint under `root` and return the path of results.json.

    Nothing is written before the submission and all checkpoints are checked. Killed and called again, it computes
    what is missing and gives the same files. `deadline` is in seconds from now: when the next checkpoint would not be
    done by then, OrganizerError is raised and what is finished stays.
    """
    started = time.perf_counter()
    items = build_items(submission)
    choices = choices_of(items)
    checkpoints = checkpoints_of(suite, root)
    for checkpoint in checkpoints:
        verify_checkpoint(checkpoint)
    engine = make_engine()
    head = _head(submission, suite, choices, engine)
    folder = ResultsFolder(results, head)
    kept = {checkpoint: row for checkpoint in checkpoints if (row := folder.finished(checkpoint)) is not None}
    todo = [checkpoint for checkpoint in checkpoints if checkpoint not in kept]
    for done, (checkpoint, finished) in enumerate(kept.items(), start=1):
        on_progress(Progress(checkpoint, finished.score, finished.seconds, True, done, len(checkpoints), 0.0))
    begun = time.perf_counter()
    for computed, (checkpoint, scored, seconds) in enumerate(_scored(todo, items, suite, engine), start=1):
        arrays = _arrays(submission.task.metric, scored, choices)
        finished = folder.add(checkpoint, arrays, seconds=seconds, computed_tokens=scored.computed_tokens)
        now = time.perf_counter()
        mean, left = (now - begun) / computed, len(todo) - computed
        done = len(kept) + computed
        on_progress(Progress(checkpoint, finished.score, seconds, False, done, len(checkpoints), mean * left))
        if deadline is not None and left and now - started + max(mean, seconds) > deadline:
            raise OrganizerError(
                f"out of time: {done} of {len(checkpoints)} checkpoints were done when the limit of "
                f"{deadline / 60:.4g} minutes came near; run again to go on, or submit fewer items or shorter prompts"
            )
    return folder.complete(head, checkpoints)


def _scored(
    checkpoints: list[Checkpoint], items: list[Item], suite: Suite, engine: Engine
) -> Iterator[tuple[Checkpoint, LogLikelihoods, float]]:
    """Every checkpoint with what its model says and the seconds that it took; the next one is read meanwhile."""
    with ThreadPoolExecutor(max_workers=1) as reader:
        try:
            for family in families(checkpoints):
                requests: Requests | None = None
                for checkpoint, following in zip_longest(family, family[1:]):
                    begun = time.perf_counter()
                    requests = requests or _encode(items, checkpoint, suite.context_length)
                    engine.load(checkpoint)
                    if following is not None:
                        reader.submit(read_ahead, following)
                    scored = engine.loglikelihoods(requests)
                    yield checkpoint, scored, time.perf_counter() - begun
                engine.close()
        finally:
            engine.close()


def _head(submission: Submission, suite: Suite, choices: Choices, engine: Engine) -> dict[str, Any]:
    """The keys of results.json that say what the results are of."""
    return {
        "suite": suite.suite,
        "suite_version": suite.version,
        "task": submission.name,
        "metric": submission.task.metric,
        "higher_is_better": submission.task.higher_is_better,
        "chance": choices.chance,
        "submission": {"sha256": submission.sha256, "items": len(choices.gold)},
        "engine": engine.description,
        "models": [model.model_dump(include={"id", "size", "architecture", "mixture"}) for model in suite.models],
    }


def _arrays(metric: str, scored: LogLikelihoods, choices: Choices) -> dict[str, np.ndarray]:
    return {
        "item_scores": item_scores(metric, scored.values, choices),
        "loglikelihoods": scored.values,
        "greedy": scored.greedy,
    }


def _encode(items: list[Item], checkpoint: Checkpoint, context_length: int) -> Requests:
    tokenizer = AutoTokenizer.from_pretrained(checkpoint.path, local_files_only=True, trust_remote_code=False)
    return encode(items, tokenizer, context_length)
