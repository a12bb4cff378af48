"""Trains the miniature suite into the folder of checkpoints: once, in two processes, and only whole models."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import multiprocessing
import os
import queue
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

import numpy as np

from e2lm.suites.miniature import tokenizer, training, worlds
from e2lm_ingestion.errors import OrganizerError, naming
from e2lm_ingestion.interrupts import interrupts_blocked
from e2lm_ingestion.suite import Suite, load_suite

SUITE = Path(__file__).with_name("suite.yaml")
WORKERS = 2
DATA_SEED = 1
TOKENIZER_DOCUMENTS = 6000  # documents of each corpus
DOCUMENT_TOKENS = 30  # a lower bound on the mean length of a document, so that enough are written

# Largest first, so that the two processes finish together.
RECIPES = (
    training.Recipe("mini-400k-arch1", "science", 96, 3, 3, 224, learning_rate=3e-3),
    training.Recipe("mini-400k-arch2", "science", 128, 2, 4, 256, learning_rate=3e-3),
    training.Recipe("mini-200k-arch1", "science", 64, 3, 2, 128, learning_rate=4e-3),
    training.Recipe("mini-200k-arch2", "science", 96, 2, 3, 128, learning_rate=3e-3),
    training.Recipe("mini-150k-arch1", "science", 64, 2, 2, 160, learning_rate=4e-3),
    training.Recipe("mini-150k-arch1-web", "web", 64, 2, 2, 160, learning_rate=4e-3),
    training.Recipe("mini-150k-arch2", "science", 64, 1, 2, 256, learning_rate=4e-3),
)


def ensure(root: Path, progress: Callable[[int, int, str], None]) -> None:
    """Make sure that every checkpoint of the suite is under `root`/miniature; returns at once if they are.

    `progress` is called with the number of checkpoints written, their total, and the name of the last. A model appears
    when its last checkpoint is written, so a killed run leaves whole models only; the next call trains the others.
    Raises OrganizerError when a training process dies.
    """
    suite = load_suite(SUITE)
    home = root / "miniature"
    home.mkdir(parents=True, exist_ok=True)
    if _missing(suite, home):
        with _only_one(home / ".lock"):
            missing = _missing(suite, home)  # another process may have trained them while this one waited
            if missing:
                _build(suite, home, missing, progress)


def recipe_hash() -> str:
    """A hash of everything that determines the weights; models with another hash are trained again."""
    sources = [Path(module.__file__ or "") for module in (worlds, tokenizer, training)]
    digest = hashlib.sha256(repr((RECIPES, DATA_SEED, TOKENIZER_DOCUMENTS)).encode())
    for path in [SUITE, *sources]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def prepare(folder: Path, suite: Suite) -> None:
    """Write the workers' input: the tokenizer, and the packed tokens of both corpora, (tokens,) uint16."""
    needed = training.tokens_needed(max(model.iterations[-1] for model in suite.models))
    count = needed // DOCUMENT_TOKENS
    texts = {
        "science": worlds.science_mixture(np.random.default_rng(DATA_SEED), count),
        "web": worlds.web_only(np.random.default_rng(DATA_SEED + 1), count),
    }
    sample = [text for documents in texts.values() for text in documents[:TOKENIZER_DOCUMENTS]]
    trained = tokenizer.train_tokenizer(sample, suite.context_length)
    trained.save_pretrained(folder / "tokenizer")
    for name, documents in texts.items():
        stream = training.pack(trained(documents)["input_ids"], trained.eos_token_id, needed)
        np.save(folder / f"{name}.npy", stream)


def _missing(suite: Suite, home: Path) -> list[training.Recipe]:
    wanted = recipe_hash()
    sources = {model.id: home.parent / model.source for model in suite.models}
    return [recipe for recipe in RECIPES if _trained_from(sources[recipe.model]) != wanted]


def _trained_from(folder: Path) -> str:
    marker = folder / "recipe.sha256"
    return marker.read_text(encoding="utf-8") if marker.is_file() else ""


@contextlib.contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)  # the system releases the lock however the process ends
        yield


def _build(suite: Suite, home: Path, missing: list[training.Recipe], progress: Callable[[int, int, str], None]) -> None:
    for left in home.glob(".building-*"):  # left by a killed run, since this one holds the lock
        shutil.rmtree(left, ignore_errors=True)
    iterations = {model.id: model.iterations for model in suite.models}
    total = sum(len(iterations[recipe.model]) for recipe in missing)
    with tempfile.TemporaryDirectory(prefix=".building-", dir=home) as scratch:
        progress(0, total, "writing the corpora")
        with naming(home):
            prepare(Path(scratch), suite)
        identity = recipe_hash()  # before training: the sources may be edited meanwhile
        context = multiprocessing.get_context("spawn")
        jobs: Any = context.Queue()
        reports: Any = context.Queue()
        for job in [*((recipe, iterations[recipe.model]) for recipe in missing), *[None] * WORKERS]:
            jobs.put(job)
        workers = [
            context.Process(target=_work, args=(jobs, reports, Path(scratch), home, identity), daemon=True)
            for _ in range(WORKERS)
        ]
        try:
            with interrupts_blocked():  # this process ends them
                for worker in workers:
                    worker.start()
            for done in range(1, total + 1):
                progress(done, total, _next_report(reports, workers))
            for worker in workers:
                worker.join()
        finally:
            for worker in workers:
                if worker.pid is not None:  # the process was started
                    worker.kill()
                    worker.join()
    if _missing(suite, home):
        raise OrganizerError(
            f"{home}: a trained model could not be moved there; delete the folder and run the command again"
        )


def _next_report(reports: Any, workers: list[SpawnProcess]) -> str:  # noqa: ANN401 (a queue of a context)
    while True:
        try:
            report: str | OrganizerError = reports.get(timeout=1.0)
        except queue.Empty:
            for worker in workers:
                if worker.exitcode not in (None, 0):
                    raise OrganizerError(
                        f"a training process ended with exit code {worker.exitcode}; free memory and disk space, "
                        "then run the command again"
                    ) from None
        else:
            if isinstance(report, OrganizerError):
                raise report
            return report


def _work(jobs: Any, reports: Any, scratch: Path, home: Path, identity: str) -> None:  # noqa: ANN401 (queues)
    """A worker: train models until none is left; an error such as a full disk is put into `reports`."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        _train(jobs, reports, scratch, home, identity)
    except Exception as error:  # operating system errors, which safetensors wraps in its own type
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        reports.put(
            OrganizerError(
                f"{home}: a model could not be trained: {reason}; free disk space and memory, or set E2LM_CHECKPOINTS "
                "to a folder on another disk; finished models are kept: the same command goes on"
            )
        )


def _train(jobs: Any, reports: Any, scratch: Path, home: Path, identity: str) -> None:  # noqa: ANN401 (queues)
    """Train models until none is left, and move each to its final folder when it is complete."""
    from transformers import PreTrainedTokenizerFast
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # the parent draws the only one
    trained = PreTrainedTokenizerFast.from_pretrained(scratch / "tokenizer")
    while (job := jobs.get()) is not None:
        recipe, iterations = job

        def report(iteration: int, model: str = recipe.model) -> None:
            reports.put(f"{model} at iteration {iteration:,}")

        stream = np.load(scratch / f"{recipe.corpus}.npy")
        folder = scratch / recipe.model
        training.train_checkpoints(recipe, stream, trained, iterations, folder, report)
        (folder / "recipe.sha256").write_text(identity, encoding="utf-8")
        shutil.rmtree(home / recipe.model, ignore_errors=True)
        os.replace(folder, home / recipe.model)


def _end_with_parent() -> None:
    """Wait for the end of the parent process, and end with it."""
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)
