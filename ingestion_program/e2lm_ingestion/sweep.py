"""The sweep: one task, every checkpoint of a suite, family by family; what is already done is not done again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from transformers import AutoTokenizer

from e2lm_ingestion.encoding import Requests, encode
from e2lm_ingestion.engines import Engine
from e2lm_ingestion.item_metrics import choices_of, item_scores
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


def sweep(
    submission: Submission,
    suite: Suite,
    *,
    root: Path,
    results: Path,
    make_engine: Callable[[], Engine],
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Path:
    """Run a submission on every checkpoint under `root` and return the path of results.json.

    Nothing is written before the submission and all checkpoints are checked. Killed and called again, it computes
    what is missing and gives the same files.
    """
    items = build_items(submission)
    checkpoints = checkpoints_of(suite, root)
    for checkpoint in checkpoints:
        verify_checkpoint(checkpoint)
    engine = make_engine()
    metric = submission.task.metric
    choices = choices_of(items)
    head = {
        "suite": suite.suite,
        "suite_version": suite.version,
        "task": submission.name,
        "metric": metric,
        "higher_is_better": submission.task.higher_is_better,
        "chance": choices.chance,
        "submission": {"sha256": submission.sha256, "items": len(items)},
        "engine": engine.description,
        "models": [model.model_dump(include={"id", "size", "architecture", "mixture"}) for model in suite.models],
    }
    folder = ResultsFolder(results, head)
    done = 0
    for family in families(checkpoints):
        requests: Requests | None = None
        for checkpoint in family:
            finished = folder.finished(checkpoint)
            resumed = finished is not None
            if finished is None:
                started = time.perf_counter()
                requests = requests or _encode(items, checkpoint, suite.context_length)
                engine.load(checkpoint)
                scored = engine.loglikelihoods(requests)
                arrays = {
                    "item_scores": item_scores(metric, scored.values, choices),
                    "loglikelihoods": scored.values,
                    "greedy": scored.greedy,
                }
                seconds = time.perf_counter() - started
                finished = folder.add(checkpoint, arrays, seconds=seconds, computed_tokens=scored.computed_tokens)
            done += 1
            on_progress(Progress(checkpoint, finished.score, finished.seconds, resumed, done, len(checkpoints)))
        engine.close()
    return folder.complete(head, checkpoints)


def _encode(items: list[Item], checkpoint: Checkpoint, context_length: int) -> Requests:
    tokenizer = AutoTokenizer.from_pretrained(checkpoint.path, local_files_only=True, trust_remote_code=False)
    return encode(items, tokenizer, context_length)
