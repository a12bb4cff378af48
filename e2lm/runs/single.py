"""Runs one submission on every checkpoint of a suite: sweep, scores, report."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from e2lm.edition.current import competition_name
from e2lm.runs.history import remember
from e2lm.runs.metric_table import metric_table
from e2lm.runs.output_folder import writing
from e2lm.runs.run_folder import RunFolder
from e2lm.runs.shown_items import shown_items
from e2lm.submissions.checks.known_world import other_world, other_world_in
from e2lm.suites.fetch import fetch
from e2lm.suites.registry import SUITES, SuiteFiles
from e2lm.terminal.progress import progress_bar
from e2lm_ingestion.engines import make_engine
from e2lm_ingestion.execution.pickle_store import PickleStore
from e2lm_ingestion.execution.sweep import Progress, is_finished, prepare, sweep_prepared
from e2lm_ingestion.execution.worker_devices import visible_gpus
from e2lm_ingestion.output_types.items import build_items
from e2lm_ingestion.output_types.registry import OUTPUT_TYPES
from e2lm_ingestion.results.rescoring import KeptAnswers
from e2lm_ingestion.submission.submission import Submission, open_submission
from e2lm_ingestion.suite import Suite, checkpoints_root, load_suite
from e2lm_scoring.errors import OrganizerError
from e2lm_scoring.inputs.configuration import load_configuration
from e2lm_scoring.inputs.results import CheckpointRow, read_results, read_results_file
from e2lm_scoring.output import forget, leave_failure, score_results
from e2lm_scoring.own_machine import OwnMachine
from e2lm_scoring.score_report import ScoreReport

if TYPE_CHECKING:
    from e2lm.suites.checkpoint_cache import CheckpointCache


def run(
    submission_path: Path,
    suite_files: SuiteFiles,
    out: Path,
    *,
    engine: str = "auto",
    dtype: str = "auto",
    workers: int | None = None,
    disk_budget: float | None = None,
    deadline: float | None = None,
    overwrite: bool = False,
) -> tuple[ScoreReport, OwnMachine]:
    """Write results, scores and report into `out`, as a RunFolder; resumes an interrupted run.

    Returns the scores, and what the report shows beside them on one's own machine.

    A finished run is only scored, which takes seconds. With a `disk_budget` in GB, missing checkpoints come from the
    Hub. With `overwrite`, the content of `out` is deleted once the submission is known to be valid.
    """
    suite = load_suite(suite_files.suite)
    root, folder = checkpoints_root(), RunFolder(out)
    _refuse_its_own_folder(submission_path, out)
    ends = None if deadline is None else time.perf_counter() + deadline
    also_check = partial(other_world, suite=suite)
    with open_submission(submission_path) as submission, writing(out), closing(PickleStore(0)) as store:
        prepared = None
        if overwrite:
            prepared = prepare(submission, suite, folder.results, store, 0, also_check)
            forget(out)
            if folder.is_begun:
                shutil.rmtree(folder.results)
        if is_finished(submission, suite, folder.results, root=root, engine=engine, dtype=dtype):
            print(
                f"{out}: {submission.name} is finished on every checkpoint of {suite.suite}; nothing is computed again"
            )
        else:
            # before minutes of training, so that a mistake in the submission is reported at once
            prepared = prepared or prepare(submission, suite, folder.results, store, 0, also_check)
            for line in other_world_in(prepared.warnings):
                print(f"warning: {line}", flush=True)
            _train_if_needed(suite, root)
            checkpoint_cache = None if disk_budget is None else hub_cache(suite, disk_budget, workers)
            with progress_bar(submission.name) as update:
                sweep_prepared(
                    prepared,
                    store,
                    suite,
                    root=root,
                    make_engine=partial(make_engine, engine, dtype, suite.context_length),
                    checkpoint_cache=checkpoint_cache,
                    workers=workers,
                    on_progress=lambda progress: update(progress.done, progress.total, _detail(progress)),
                    ends=ends,
                )
        if folder.results_json.is_file():
            file = read_results_file(folder.results)
            known = [] if prepared else other_world_in([warning.model_dump() for warning in file.warnings])
            # Different models may write the same; they do not give the same log-likelihoods.
            output_type = OUTPUT_TYPES.get(file.output_type or "")
            equal = [] if output_type and output_type.writes else equal_checkpoints(file.checkpoints)
            for line in [*known, *equal]:
                print(f"warning: {line}")
        if suite_files not in SUITES.values() and suite_files.scoring.is_file():
            shutil.copyfile(suite_files.scoring, folder.scoring)
        try:
            return _scored(submission, suite_files.scoring, folder, out)
        except OrganizerError as error:
            leave_failure(error, out, competition_name())
            raise


def _scored(submission: Submission, scoring_yaml: Path, folder: RunFolder, out: Path) -> tuple[ScoreReport, OwnMachine]:
    """Write scores and report of a finished run. Raises OrganizerError for results that cannot be scored."""
    configuration = load_configuration(scoring_yaml)
    read, kept = read_results(folder.results, configuration), KeptAnswers(folder.results)
    # rendered again, because a large task takes gigabytes that the sweep needs
    items = build_items(submission)
    own_machine = OwnMachine(metric_table(kept, read, configuration), shown_items(kept, read, configuration, items))
    score_report = score_results(read, configuration, out, own_machine, competition=competition_name())
    remember(out, submission, score_report)
    return score_report, own_machine


def _refuse_its_own_folder(submission: Path, out: Path) -> None:
    if submission.is_dir() and out.resolve() == submission.resolve():
        raise OrganizerError(f"{out}: --out is the submission's own folder; give another, such as {out / 'build'}")


def equal_checkpoints(checkpoints: Iterable[CheckpointRow]) -> list[str]:
    """A line for each model of which several checkpoints answer every item alike, as copies of the same weights do."""
    alike: dict[tuple[str, str], list[int]] = {}
    for row in checkpoints:
        alike.setdefault((row.model, row.sha256), []).append(row.iteration)
    return [
        f"{model}: the checkpoints at iterations {', '.join(f'{one:,}' for one in iterations)} answer all items alike, "
        "to the last digit, as the same weights do; check what was saved or fetched"
        for (model, _), iterations in alike.items()
        if len(iterations) > 1
    ]


def _train_if_needed(suite: Suite, root: Path) -> None:
    """Train the miniature suite if a model is missing; damaged checkpoints are reported by the sweep."""
    if suite.suite == "miniature" and not all((root / model.source).is_dir() for model in suite.models):
        fetch("miniature")


def hub_cache(suite: Suite, disk_budget: float, workers: int | None) -> CheckpointCache:
    """A cache of up to `disk_budget` GB of checkpoints from the Hub, for one or more engines. Raises OrganizerError."""
    from e2lm.suites.checkpoint_cache import GIGABYTE, CheckpointCache

    if suite.suite == "miniature":
        raise OrganizerError(
            "--disk-budget is for suites on the Hub, and the miniature one is trained here; leave it out"
        )
    print(f"{suite.suite}: asking the Hub for its checkpoints", file=sys.stderr)
    return CheckpointCache(suite, checkpoints_root(), int(disk_budget * GIGABYTE), workers or len(visible_gpus()) or 1)


def _detail(progress: Progress) -> str:
    origin = "already done" if progress.resumed else f"{progress.seconds:.2f} s"
    return f"{progress.checkpoint}: {progress.score:.4f}, {origin}"
