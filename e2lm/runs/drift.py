"""Compares a rerun with an earlier run of the same items, and bounds the difference that rounding explains."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from e2lm.runs.run_folder import RunFolder
from e2lm.spreadsheet import csv_text
from e2lm.terminal.progress import progress_bar
from e2lm.terminal.table import Column, fitted_table
from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.results.folder import write_atomically
from e2lm_scoring.columns import ranked_by
from e2lm_scoring.errors import OrganizerError as ScoringOrganizerError
from e2lm_scoring.errors import SubmissionError as ScoringSubmissionError
from e2lm_scoring.inputs.results import ResultsFile, read_results_file
from e2lm_scoring.scores import evaluate

CONFIDENCE = 0.95  # simultaneous for all checkpoints of all submissions
SHOWN = 10
MOVED_SHARE = 0.01  # largest share of choices that may move further than rounding moves them
# Nats: a generous bound on how far another order of summation moves a log-likelihood. See docs/rerun.md.
ROUNDING = {"float32": 0.001, "float16": 0.1, "bfloat16": 0.5}


Results = tuple[Path, ResultsFile]  # the folder, and its results.json


@dataclass(frozen=True, slots=True)
class Drift:
    """One checkpoint of one submission."""

    submission: str
    model: str
    iteration: int
    development: float  # mean item score
    rerun: float
    difference: float  # mean of the items' differences
    noise: float  # differences up to this are explained by rounding
    changed: int  # items whose score differs
    items: int
    moved: float  # share of choices whose log-likelihood moved further than rounding moves it; NaN if not applicable
    beyond: bool  # differs by more than rounding explains


@dataclass(frozen=True, slots=True)
class Scores:
    """One submission."""

    submission: str
    development: float | None
    rerun: float | None
    beyond: int  # checkpoints that differ by more than rounding explains
    checkpoints: int  # compared


def noise_bound(differences: np.ndarray, comparisons: int) -> float:
    """Half width of the interval of a mean of (items,) differences whose signs are random with equal probability.

    Hoeffding's bound given the sizes d: sqrt(2 sum(d²) ln(2 comparisons / (1 - CONFIDENCE))) / items. It holds for any
    number of items, and simultaneously for all `comparisons`.
    """
    squares = float(np.sum(np.square(differences, dtype=np.float64)))
    return math.sqrt(2 * squares * math.log(2 * comparisons / (1 - CONFIDENCE))) / len(differences)


def report_drift(development: Path, out: Path, names: Sequence[str], scoring: Path) -> None:
    """Compare each submission with its namesake in `development`; write drift.csv and drift.json, print differences.

    Earlier results are scored with the file `scoring`; the scores of the rerun are in `out`. Raises OrganizerError when
    no run can be compared.
    """
    found = {name: (_results(development / name), _results(out / name)) for name in names}
    not_compared = {name: reason for name, (old, new) in found.items() if (reason := _incomparable(old, new))}
    pairs = {name: (old, new) for name, (old, new) in found.items() if old and new and name not in not_compared}
    if not pairs:
        raise OrganizerError(
            f"{development}: no run with the same items in it; it must hold a folder with the name of each submission"
        )
    comparisons = sum(len(new[1].checkpoints) for _, new in pairs.values())
    rows: list[Drift] = []
    scores: list[Scores] = []
    with progress_bar("drift") as update:
        for done, (name, (old, new)) in enumerate(pairs.items(), start=1):
            own = list(_drifts(name, old, new, comparisons))
            rows += own
            scores.append(Scores(name, *_scores(old[0], scoring, out / name), sum(row.beyond for row in own), len(own)))
            update(done, len(pairs), name)
    rows.sort(key=lambda row: (not row.beyond, -abs(row.difference) + row.noise))
    scores.sort(key=lambda one: (-one.beyond, -abs((one.rerun or 0) - (one.development or 0))))
    table = csv_text(map(asdict, rows), [field.name for field in fields(Drift)])
    write_atomically(out / "drift.csv", table.encode())
    summary = {
        "confidence": CONFIDENCE,
        "comparisons": comparisons,
        "beyond": sum(row.beyond for row in rows),
        "not_compared": not_compared,
        "submissions": [asdict(one) for one in scores],
        "rows": [{key: None if value != value else value for key, value in asdict(row).items()} for row in rows],
    }
    write_atomically(out / "drift.json", (json.dumps(summary, indent=1) + "\n").encode())
    _print(rows, scores, not_compared)
    print(f"drift: {summary['beyond']} of {len(rows)} checkpoints differ by more than rounding explains")
    print(f"drift: {out / 'drift.csv'}")


def _print(rows: Sequence[Drift], scores: Sequence[Scores], not_compared: Mapping[str, str]) -> None:
    """Print the submissions that differ most, and the checkpoints that differ by more than rounding explains."""
    title = f"Drift: the {min(len(scores), SHOWN)} of {len(scores)} submissions that differ most"
    columns = [Column("submission", is_name=True), *map(Column, ("earlier score", "rerun", "checkpoints beyond"))]
    cells = []
    for one in scores[:SHOWN]:
        values = ["-" if value is None else f"{value:.4f}" for value in (one.development, one.rerun)]
        cells.append([one.submission, *values, f"{one.beyond} of {one.checkpoints}"])
    console = Console()
    console.print(fitted_table(title, columns, cells, console.width))
    for row in [row for row in rows if row.beyond][:SHOWN]:
        print(
            f"  {row.submission}, {row.model} at {row.iteration:,}: {row.development:.4f} -> {row.rerun:.4f}, "
            f"rounding explains {row.noise:.4f}; {row.changed} of {row.items} items changed"
        )
    for name, reason in not_compared.items():
        print(f"  {name}: not compared: {reason}")


def _scores(earlier: Path, scoring: Path, run: Path) -> tuple[float | None, float | None]:
    """Score (SQ if the suite allows no score) of the earlier results and of a run; None if there is none."""
    try:
        before: Mapping[str, float] = evaluate(earlier, scoring).scores
    except (ScoringOrganizerError, ScoringSubmissionError):
        before = {}
    path = RunFolder(run).scores
    after = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return before.get(ranked_by(before)), after.get(ranked_by(after))


def _results(run: Path) -> Results | None:
    """The results folder of a run and its results.json; None if there is none."""
    folder = RunFolder(run).found_results
    try:
        return folder, read_results_file(folder)
    except ScoringOrganizerError:
        return None


def _arrays(folder: Path, name: str) -> Any:  # noqa: ANN401 (numpy's NpzFile)
    """The arrays of a checkpoint. Raises OrganizerError when the file is missing or outside the folder."""
    try:
        if (folder / name).resolve().is_relative_to(folder.resolve()):
            return np.load(folder / name)
    except (OSError, ValueError):
        pass
    raise OrganizerError(f"{folder / name}: missing or damaged; fetch or run that submission again")


def _incomparable(old: Results | None, new: Results | None) -> str:
    """Why two runs cannot be compared item by item, or ""."""
    if old is None or new is None:
        return "there is no earlier run" if old is None else "there are no results"
    for key, what in (("submission", "another submission"), ("items", "other items"), ("metric", "another metric")):
        if getattr(old[1], key) != getattr(new[1], key):
            return f"the earlier run is of {what}"
    return ""


def _drifts(name: str, old: Results, new: Results, comparisons: int) -> Iterator[Drift]:
    earlier = {(row.model, row.iteration): row for row in old[1].checkpoints}
    dtypes = {old[1].engine.get("dtype"), new[1].engine.get("dtype")}
    rounding = max(ROUNDING.get(str(dtype), 0.0) for dtype in dtypes)
    for row in new[1].checkpoints:
        before = earlier.get((row.model, row.iteration))
        if before is None:
            continue
        with _arrays(old[0], before.arrays) as one, _arrays(new[0], row.arrays) as other:
            difference = other["item_scores"].astype(np.float64) - one["item_scores"]
            moved = math.nan
            if "loglikelihoods" in one and "loglikelihoods" in other:
                moved = float(np.mean(np.abs(other["loglikelihoods"] - one["loglikelihoods"]) > rounding))
        mean, noise = float(difference.mean()), noise_bound(difference, comparisons)
        yield Drift(
            submission=name,
            model=row.model,
            iteration=row.iteration,
            development=before.score,
            rerun=row.score,
            difference=mean,
            noise=noise,
            changed=int(np.count_nonzero(difference)),
            items=len(difference),
            moved=moved,
            beyond=abs(mean) > noise or moved > MOVED_SHARE,
        )
