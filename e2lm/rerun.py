"""Run many submissions on every checkpoint of a suite, each loaded once for all, and score them."""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shlex
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

from e2lm.arguments import count, positive
from e2lm.catalog import SuiteFiles, find_suite
from e2lm.drift import report_drift
from e2lm.folders import submission_paths
from e2lm.output_folder import refuse_if_held, writing
from e2lm.progress import progress_bar
from e2lm.rerun_index import FINISHED, INDEX, Row, write_index
from e2lm.rerun_table import rerun_table
from e2lm.run import borrowed
from e2lm_ingestion.engines import ENGINES, make_engine
from e2lm_ingestion.errors import OrganizerError, SubmissionError, naming
from e2lm_ingestion.one_engine import Job
from e2lm_ingestion.runners import Runner, make_processes
from e2lm_ingestion.spool import Spool
from e2lm_ingestion.submission import Submission, open_submission
from e2lm_ingestion.suite import Suite, checkpoints_of, checkpoints_root, load_suite
from e2lm_ingestion.sweep import Entry, is_finished, prepare, sweep_all
from e2lm_scoring.errors import OrganizerError as ScoringOrganizerError
from e2lm_scoring.errors import SubmissionError as ScoringSubmissionError
from e2lm_scoring.outcome import leave_failure, score

IsFinished = Callable[[Submission, Suite, Path], bool]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `e2lm rerun`."""
    parser.add_argument(
        "submissions", type=Path, nargs="+", help="zips or folders of submissions, or folders that hold such"
    )
    parser.add_argument("--suite", default="miniature", help="a suite's name or suite.yaml (default: miniature)")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="for a folder each; run again to resume"
    )
    parser.add_argument("--engine", choices=ENGINES, default="auto", help="auto: vllm with a GPU, else transformers")
    parser.add_argument("--dtype", default="auto", help="auto, float32, bfloat16 or float16 (default: auto)")
    parser.add_argument("--workers", type=count, metavar="N", help="engines side by side (default: one for each GPU)")
    parser.add_argument("--ray", metavar="ADDRESS", help="run on this Ray cluster; local starts one here")
    parser.add_argument(
        "--disk-budget",
        type=positive,
        metavar="GB",
        help="fetch missing checkpoints from the Hub, each one ahead of its use, and keep at most so many GB of them",
    )
    parser.add_argument("--development", type=Path, metavar="FOLDER", help="earlier runs: name what differs from them")
    parser.epilog = (
        "example: e2lm rerun submissions --suite e2lm-2025-full --out final\nnext:    e2lm rank final --out ranking\n"
        "Exit code 1: a submission failed; the others are scored."
    )


def main(args: argparse.Namespace) -> int:
    """Sweep and score all, name what failed; exit code 1 when something did."""
    suite = find_suite(args.suite)
    rows = rerun(
        args.submissions,
        suite,
        args.out,
        engine=args.engine,
        dtype=args.dtype,
        workers=args.workers,
        ray=args.ray,
        disk_budget=args.disk_budget,
    )
    failed = [row for row in rows if row.status == "failed"]
    print(f"{len(rows) - len(failed)} of {len(rows)} submissions are done: {args.out / INDEX}")
    for row in failed:
        print(f"failed: {row.name}: {row.reason}")
    if args.development is not None:
        done = [row.name for row in rows if row.status == "done"]
        report_drift(args.development, args.out, done, suite.scoring)
    if len(failed) < len(rows):
        print(f"next:   e2lm rank {shlex.quote(str(args.out))} --out ranking")
    return 1 if failed else 0


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
    """Leave in `out` a folder for each submission, as `e2lm run` does, and rerun.json; resumes what was killed."""
    suite = load_suite(suite_files.suite)
    if ray is not None and disk_budget is not None:
        raise OrganizerError("--disk-budget is for this machine's disk; on a cluster, fetch the suite on each node")
    paths, root = submission_paths(given), checkpoints_root().resolve()
    with writing(out), closing(Spool(0)) as spool:
        rows, entries = _prepared(paths, suite, out, spool, partial(is_finished, root=root, engine=engine, dtype=dtype))
        write_index(out, rows)
        if finished := sum(row.status == FINISHED for row in rows):
            print(f"{finished} of {len(rows)} submissions are finished on every checkpoint of {suite.suite} already")
        if entries:
            loan = None if disk_budget is None else borrowed(suite, disk_budget, workers)
            checkpoints = Counter(checkpoint.model for checkpoint in checkpoints_of(suite, root))
            with rerun_table([rows[at].name for at in entries], checkpoints) as table:

                def fail(entry: Entry, error: SubmissionError | OrganizerError, trace: str) -> None:
                    at = list(entries)[entry.number]
                    rows[at] = _failed(rows[at], out, error, trace)
                    write_index(out, rows)
                    table.failure(rows[at].name, rows[at].reason)

                sweep_all(
                    list(entries.values()),
                    spool,
                    suite,
                    root=root,
                    make_engine=partial(make_engine, engine, dtype, suite.context_length),
                    start=_starter(workers, ray),
                    loan=loan,
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
    """The folder of a submission under `out`: its file's name, with its digest where another submission has that.

    The same submission finds its folder again, whichever others come or go.
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
    """The digest of the submission whose results a folder holds; None if it holds none."""
    try:
        with (folder / "results/progress.jsonl").open(encoding="utf-8") as journal:
            return str(json.loads(journal.readline())["submission"]["sha256"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _prepared(
    paths: Sequence[Path], suite: Suite, out: Path, spool: Spool, finished: IsFinished
) -> tuple[list[Row], dict[int, Entry]]:
    """A row for each path; and by the row's place the entry in the sweep of those that are neither refused nor done."""
    rows: list[Row] = []
    entries: dict[int, Entry] = {}
    with progress_bar("reading submissions") as update:
        for at, path in enumerate(paths):
            row, entry = _prepared_one(path, suite, out, {row.name for row in rows}, spool, len(entries), finished)
            rows.append(row)
            if entry is not None:
                entries[at] = entry
            update(at + 1, len(paths), row.name)
    return rows, entries


def _prepared_one(
    path: Path, suite: Suite, out: Path, taken: set[str], spool: Spool, number: int, finished: IsFinished
) -> tuple[Row, Entry | None]:
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    row = None
    try:
        with open_submission(path) as submission:
            name = name_of(path, submission.sha256, out, taken)
            row = Row(name, str(path), submission.sha256, "waiting")
            refuse_if_held(out / name, out / name)
            if finished(submission, suite, out / name / "results"):
                return replace(row, status=FINISHED), None
            return row, prepare(submission, suite, out / name / "results", spool, number)
    except Exception as error:  # a stranger's file: whatever it does, the others go on
        row = row or Row(name_of(path, sha256, out, taken), str(path), sha256, "waiting")
        if not isinstance(error, (SubmissionError, OrganizerError)):
            error = SubmissionError(f"cannot be read: {' '.join(f'{type(error).__name__}: {error}'.split())[:300]}")
        return _failed(row, out, error, ""), None


def _starter(workers: int | None, ray: str | None) -> Callable[[Job], Runner]:
    if ray is None:
        return partial(make_processes, workers=workers)
    from e2lm_ingestion.cluster import RayActors

    return partial(RayActors, address=ray, workers=workers)


def _scored(row: Row, scoring: Path, out: Path) -> Row:
    try:
        score(out / row.name / "results", scoring, out / row.name)
    except (ScoringOrganizerError, ScoringSubmissionError) as error:
        leave_failure(error, out / row.name)
        return replace(row, status="failed", reason=str(error))
    return replace(row, status="done")


def _failed(row: Row, out: Path, error: SubmissionError | OrganizerError, trace: str) -> Row:
    """The row of a submission that failed; its folder gets the page that says so, and Python's trace if any."""
    if not (out / row.name / "results/results.json").is_file():  # else it is a whole outcome, under another engine
        leave_failure(ScoringSubmissionError(str(error)), out / row.name)
    if trace:
        with naming(out / row.name / "failure.txt") as path:
            path.write_text(trace, encoding="utf-8")
    return replace(row, status="failed", reason=" ".join(str(error).split()))
