"""Runs many submissions on every checkpoint of a suite, loading each checkpoint once."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

from e2lm.edition.current import competition_name
from e2lm.runs.manifest import FINISHED, INDEX, Row, write_index
from e2lm.runs.output_folder import refuse_if_held, writing
from e2lm.runs.run_folder import RunFolder
from e2lm.runs.single import hub_cache
from e2lm.submissions.checks.known_world import other_world
from e2lm.submissions.paths import submission_paths
from e2lm.suites.registry import SuiteFiles
from e2lm.terminal.progress import progress_bar
from e2lm.terminal.rerun_table import rerun_table
from e2lm_ingestion.engines import make_engine
from e2lm_ingestion.errors import OrganizerError, SubmissionError, naming
from e2lm_ingestion.execution.engine_session import WorkerInit
from e2lm_ingestion.execution.pickle_store import PickleStore
from e2lm_ingestion.execution.process_pool import make_processes
from e2lm_ingestion.execution.scheduler import Runner
from e2lm_ingestion.execution.sweep import PreparedSubmission, is_finished, prepare, sweep_all
from e2lm_ingestion.submission.submission import Submission, open_submission
from e2lm_ingestion.suite import Suite, checkpoints_of, checkpoints_root, load_suite
from e2lm_scoring.errors import OrganizerError as ScoringOrganizerError
from e2lm_scoring.errors import SubmissionError as ScoringSubmissionError
from e2lm_scoring.output import leave_failure, score

IsFinished = Callable[[Submission, Suite, Path], bool]


def rerun(
    given: Sequence[Path],
    suite_files: SuiteFiles,
    out: Path,
    *,
    engine: str = "auto",
    dtype: str = "auto",
    workers: int | None = None,
    ray: str | None = None,
    disk_budget: float | None = None,
) -> list[Row]:
    """Write a folder per submission into `out`, as `e2lm run` does, and rerun.json; resumes an interrupted rerun."""
    suite = load_suite(suite_files.suite)
    if ray is not None and disk_budget is not None:
        raise OrganizerError("--disk-budget is for this machine's disk; on a cluster, fetch the suite on each node")
    paths, root = submission_paths(given), checkpoints_root().resolve()
    with writing(out), closing(PickleStore(0)) as store:
        rows, prepared_submissions = _prepared(
            paths, suite, out, store, partial(is_finished, root=root, engine=engine, dtype=dtype)
        )
        write_index(out, rows)
        if finished := sum(row.status == FINISHED for row in rows):
            print(f"{finished} of {len(rows)} submissions are finished on every checkpoint of {suite.suite} already")
        if prepared_submissions:
            checkpoint_cache = None if disk_budget is None else hub_cache(suite, disk_budget, workers)
            checkpoints = Counter(checkpoint.model for checkpoint in checkpoints_of(suite, root))
            with rerun_table([rows[at].name for at in prepared_submissions], checkpoints) as table:

                def fail(prepared: PreparedSubmission, error: SubmissionError | OrganizerError, trace: str) -> None:
                    at = list(prepared_submissions)[prepared.number]
                    rows[at] = _failed(rows[at], out, error, trace)
                    write_index(out, rows)
                    table.failure(rows[at].name, rows[at].reason)

                sweep_all(
                    list(prepared_submissions.values()),
                    store,
                    suite,
                    root=root,
                    make_engine=partial(make_engine, engine, dtype, suite.context_length),
                    start=_starter(workers, ray),
                    checkpoint_cache=checkpoint_cache,
                    on_progress=table.progress,
                    on_failure=fail,
                )
        swept = [at for at, row in enumerate(rows) if row.status != "failed"]
        with progress_bar("scoring") as update:
            for done, at in enumerate(swept, start=1):
                rows[at] = _scored(rows[at], suite_files.scoring, out)
                update(done, len(swept), rows[at].name)
        write_index(out, rows)
    return rows


def name_of(path: Path, sha256: str, out: Path, taken: set[str]) -> str:
    """The folder of a submission under `out`: its file's name, with its digest if another submission has that name.

    A submission keeps its folder when other submissions are added or removed.
    """
    plain = path.stem if path.suffix == ".zip" else path.name
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", plain).lstrip(".-")[:80] or "submission"
    longer = f"{stem}-{sha256[:8]}"
    numbered = (f"{longer}-{number}" for number in range(2, len(taken) + 3))
    free = [name for name in (stem, longer, *numbered) if name not in taken and name != INDEX]
    owners = {name: _owner(out / name) for name in free}
    own = next((name for name in free if owners[name] == sha256), None)
    return own or next(name for name in free if owners[name] is None)


def _owner(folder: Path) -> str | None:
    """The digest of the submission that the results in a folder are of; None if it holds none."""
    try:
        with RunFolder(folder).journal.open(encoding="utf-8") as journal:
            return str(json.loads(journal.readline())["submission"]["sha256"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _prepared(
    paths: Sequence[Path], suite: Suite, out: Path, store: PickleStore, finished: IsFinished
) -> tuple[list[Row], dict[int, PreparedSubmission]]:
    """A row for each path, and, by the row's index, the prepared submission if it is neither rejected nor done."""
    rows: list[Row] = []
    prepared_submissions: dict[int, PreparedSubmission] = {}
    with progress_bar("reading submissions") as update:
        for at, path in enumerate(paths):
            row, prepared = _prepared_one(
                path, suite, out, {row.name for row in rows}, store, len(prepared_submissions), finished
            )
            rows.append(row)
            if prepared is not None:
                prepared_submissions[at] = prepared
            update(at + 1, len(paths), row.name)
    return rows, prepared_submissions


def _prepared_one(
    path: Path, suite: Suite, out: Path, taken: set[str], store: PickleStore, number: int, finished: IsFinished
) -> tuple[Row, PreparedSubmission | None]:
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    row = None
    try:
        with open_submission(path) as submission:
            name = name_of(path, submission.sha256, out, taken)
            row = Row(name, str(path), submission.sha256, "waiting")
            refuse_if_held(out / name, out / name)
            results = RunFolder(out / name).results
            if finished(submission, suite, results):
                return replace(row, status=FINISHED), None
            also_check = partial(other_world, suite=suite)
            return row, prepare(submission, suite, results, store, number, also_check)
    except Exception as error:  # an untrusted file must not stop the other submissions
        row = row or Row(name_of(path, sha256, out, taken), str(path), sha256, "waiting")
        if not isinstance(error, (SubmissionError, OrganizerError)):
            error = SubmissionError(f"cannot be read: {' '.join(f'{type(error).__name__}: {error}'.split())[:300]}")
        return _failed(row, out, error, ""), None


def _starter(workers: int | None, ray: str | None) -> Callable[[WorkerInit], Runner]:
    if ray is None:
        return partial(make_processes, workers=workers)
    from e2lm_ingestion.execution.ray_pool import RayActors

    return partial(RayActors, address=ray, workers=workers)


def _scored(row: Row, scoring: Path, out: Path) -> Row:
    try:
        score(RunFolder(out / row.name).results, scoring, out / row.name, competition=competition_name())
    except (ScoringOrganizerError, ScoringSubmissionError) as error:
        leave_failure(error, out / row.name, competition_name())
        return replace(row, status="failed", reason=str(error))
    return replace(row, status="done")


def _failed(row: Row, out: Path, error: SubmissionError | OrganizerError, trace: str) -> Row:
    """The row of a failed submission; its folder gets the page of the failure, and Python's trace if there is one."""
    folder = RunFolder(out / row.name)
    if not folder.results_json.is_file():  # else complete, by another engine
        leave_failure(ScoringSubmissionError(str(error)), folder.root, competition_name())
    if trace:
        with naming(folder.failure) as path:
            path.write_text(trace, encoding="utf-8")
    return replace(row, status="failed", reason=" ".join(str(error).split()))
