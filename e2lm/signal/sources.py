"""Sources -> points: every file of results below a folder, and what each is."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from e2lm.runs.run_folder import RunFolder
from e2lm.signal.formats.json_files import read_json
from e2lm.signal.formats.lighteval_results import is_lighteval, read_lighteval
from e2lm.signal.formats.lm_eval_results import is_lm_eval, read_lm_eval
from e2lm.signal.formats.lm_eval_samples import SampleReader
from e2lm.signal.formats.olmes_results import ALL_TASKS, is_olmes, read_olmes, read_olmes_lines
from e2lm.signal.formats.run_folders import is_run, read_run
from e2lm.signal.formats.tables import read_frame, read_table
from e2lm.signal.names import names_a_step
from e2lm.signal.points import Point
from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.file_names import JOURNAL, RESULTS

Source = str | Path | pd.DataFrame
# Files that may hold results, beside those that name a step: lm_eval and lighteval write results_DATE.json or
# NAME_DATE.json, olmes -metrics.json.
_CANDIDATE = re.compile(r"results.*\.json|.*_\d{4}-\d\d-\d\dT[-\d.]+\.json|.*metrics\.json|metrics-all\.jsonl")
_TABLES = (".csv", ".parquet")
_WHAT = (
    "results_*.json of lm_eval or lighteval, *-metrics.json of olmes, run folders of e2lm run, or a CSV or parquet file"
)


def read_sources(sources: Sequence[Source], *, step: str | None = None) -> tuple[list[Point], list[str]]:
    """The points of all sources, and notes. Raises OrganizerError naming the file that cannot be read."""
    points, notes = list[Point](), list[str]()
    samples = SampleReader()
    for number, source in enumerate(sources, start=1):
        if isinstance(source, pd.DataFrame):
            found, remarks = read_frame(source, f"data frame {number}")
        elif Path(source).is_dir():
            found, remarks = _read_folder(Path(source), step, samples), []
        else:
            found, remarks = _read_file(Path(source), step, samples)
        points += found
        notes += remarks
    return points, notes


def _read_file(path: Path, step: str | None, samples: SampleReader) -> tuple[list[Point], list[str]]:
    if not path.exists():
        raise OrganizerError(f"{path}: there is no such file or folder; give {_WHAT}")
    if path.suffix.lower() in _TABLES:
        return read_table(path)
    points = _recognised(path, [path.name], step, samples)
    if points is None:
        raise OrganizerError(f"{path}: not results that can be read; give {_WHAT}")
    return points, []


def _read_folder(folder: Path, step: str | None, samples: SampleReader) -> list[Point]:
    points, recognised, tables = list[Point](), False, 0
    for path in _files(folder):
        if path.suffix.lower() in _TABLES:
            tables += 1
        elif _CANDIDATE.fullmatch(path.name) or (path.suffix == ".json" and names_a_step(path.stem)):
            below = [folder.resolve().name, *path.relative_to(folder).parts]
            found = _recognised(path, below, step, samples)
            recognised = recognised or found is not None
            points += found or []
    if not recognised and (run := RunFolder(folder)).is_begun:
        run.head()
    if not recognised:
        also = f"; its {tables} CSV or parquet files must be given by name" if tables else ""
        raise OrganizerError(f"{folder}: holds no results{also}; give {_WHAT}")
    return points


def _files(folder: Path) -> Iterator[Path]:
    """Every file below a folder, in the order of their names, hidden folders left out."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(parent, name) for name in sorted(names))


def _recognised(path: Path, below: list[str], step: str | None, samples: SampleReader) -> list[Point] | None:
    """The points of a file; None where it holds something else."""
    if path.name == ALL_TASKS:
        whole = any(path.parent.glob("task-*-metrics.json"))
        return [] if whole else read_olmes_lines(path, below, step=step)
    if path.suffix.lower() != ".json":
        return None
    if path.name == RESULTS and (path.parent / JOURNAL).is_file():
        return read_run(path.parent)
    content = read_json(path)
    if not isinstance(content, dict):
        return None
    if is_run(content):
        return read_run(path.parent)
    if is_lighteval(content):
        return read_lighteval(content, path, below, step=step)
    if is_lm_eval(content):
        return read_lm_eval(content, path, below, step=step, samples=samples)
    if is_olmes(content):
        return read_olmes(content, path, below, step=step)
    return None
