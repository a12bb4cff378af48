"""Reads and checks a results folder; incomplete or damaged results, or those of another suite, are refused."""

from __future__ import annotations

import hashlib
import io
import json
import math
import zipfile
import zlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from e2lm_scoring.errors import OrganizerError
from e2lm_scoring.file_names import ITEM_ARRAYS, JOURNAL, RESULTS
from e2lm_scoring.inputs.configuration import Configuration

SCHEMA = "e2lm-results/1"
UNSCORED_SCHEMA = "e2lm-unscored/1"
ADVICE = "run ingestion again"
_ITEM_KINDS = {"clusters": "i", "unguessed": "b"}  # arrays of items.npz that scoring reads, and their dtype's kind


class _Row(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class CheckpointRow(_Row):
    """One checkpoint of results.json."""

    model: str
    iteration: int
    tokens: int
    score: float
    items: int = Field(gt=0)
    arrays: str
    sha256: str


class ModelRow(_Row):
    """One model of results.json."""

    id: str
    size: str
    architecture: str
    mixture: str


class SubmissionRow(_Row):
    """The submission that the results are of."""

    sha256: str
    items: int = Field(gt=0)


class ItemsRow(_Row):
    """The file that says what the items are."""

    arrays: str
    sha256: str


class SubsetRow(_Row):
    """Consecutive items of a task that belong together."""

    name: str
    items: int = Field(gt=0)


class WarningRow(_Row):
    """A warning from the check of the submission."""

    kind: str = Field(max_length=60)
    message: str = Field(max_length=1000)
    items: tuple[int, ...] = Field(default=(), max_length=100)  # the first items concerned, counted from 0
    blocks: bool = False  # whether a prize is withheld until an organizer has cleared it


class ResultsFile(_Row):
    """results.json."""

    schema_name: str = Field(alias="schema")
    suite: str
    suite_version: int
    task: str
    metric: str
    higher_is_better: bool
    chance: float | None
    submission: SubmissionRow
    engine: dict[str, str]
    models: tuple[ModelRow, ...]
    checkpoints: tuple[CheckpointRow, ...]
    output_type: str | None = None  # this and the next three: for another metric later, and to compare runs
    metric_list: tuple[dict[str, Any], ...] = ()
    filter_list: tuple[dict[str, Any], ...] = ()
    items: ItemsRow | None = None
    subsets: tuple[SubsetRow, ...] = ()
    weight_by_size: bool = True
    warnings: tuple[WarningRow, ...] = Field(default=(), max_length=100)

    @property
    def item_weights(self) -> np.ndarray:
        """Weight of each item, (items,) float32 of mean 1; if subsets count equally, items of small ones weigh more."""
        if self.weight_by_size or not self.subsets:
            return np.ones(self.submission.items, dtype=np.float32)
        sizes = np.asarray([subset.items for subset in self.subsets])
        weights: np.ndarray = np.repeat(sizes.sum() / len(sizes) / sizes, sizes).astype(np.float32)
        return weights


@dataclass(frozen=True, slots=True)
class Results:
    """Checked results, indexed by (model, iteration)."""

    file: ResultsFile
    rows: dict[tuple[str, int], CheckpointRow]
    item_scores: dict[tuple[str, int], np.ndarray]  # each (items,) float32, times the items' weights
    contrast_scores: dict[tuple[str, int], np.ndarray]  # likewise; empty where a checkpoint has none
    clusters: np.ndarray | None  # (items,) int, the cluster of each; None in results of an earlier version
    seconds: float | None  # spent by the sweep on all checkpoints; None without its journal
    unguessed: np.ndarray | None = None  # (items,) bool: what cannot be guessed from the choices alone; None: not known


def read_results(folder: Path, configuration: Configuration) -> Results:
    """Read every checkpoint that the configuration needs. Raises OrganizerError naming the file or the checkpoint."""
    file = read_results_file(folder)
    _check_head(file, configuration, folder)
    rows: dict[tuple[str, int], CheckpointRow] = {}
    for row in file.checkpoints:
        if (row.model, row.iteration) in rows:
            raise OrganizerError(f"{RESULTS}: {row.model} at iteration {row.iteration} appears twice; {ADVICE}")
        rows[(row.model, row.iteration)] = row
    missing = [key for key in configuration.needed if key not in rows]
    if missing:
        model, iteration = missing[0]
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise OrganizerError(
            f"{RESULTS}: {model} at iteration {iteration}{more} missing: the sweep did not finish; {ADVICE}"
        )
    _check_order(rows, configuration)
    scores = {key: _read_item_scores(folder, rows[key], file) for key in configuration.needed}
    item_scores = {key: own for key, (own, _) in scores.items()}
    contrasts = {key: contrast for key, (_, contrast) in scores.items() if contrast is not None}
    if len(contrasts) < len(item_scores):
        contrasts = {}
    arrays = _read_item_arrays(folder, file)
    seconds = _read_seconds(folder / JOURNAL, configuration)
    return Results(file, rows, item_scores, contrasts, arrays.get("clusters"), seconds, arrays.get("unguessed"))


def is_unscored(folder: Path) -> bool:
    """Whether ingestion says that the submission failed after models were asked; the folder's seal was checked."""
    try:
        content = json.loads((folder / RESULTS).read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and content.get("schema") == UNSCORED_SCHEMA


def read_results_file(folder: Path) -> ResultsFile:
    """results.json of a results folder. Raises OrganizerError naming the file and the key."""
    path = folder / RESULTS
    try:
        file = ResultsFile.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise OrganizerError(f"{path}: missing: ingestion did not finish; its log says why") from None
    except OSError as error:
        raise OrganizerError(f"{path}: unreadable ({error.strerror}); {ADVICE}") from None
    except ValidationError as error:
        first = error.errors()[0]
        location = ".".join(str(part) for part in first["loc"]) or "the file"
        raise OrganizerError(f"{path}: {location}: {first['msg']}; {ADVICE}") from None
    if file.schema_name != SCHEMA:
        raise OrganizerError(f"{path}: schema {file.schema_name!r} is not {SCHEMA!r}; {ADVICE}")
    return file


def _read_item_arrays(folder: Path, file: ResultsFile) -> dict[str, np.ndarray]:
    """`clusters` and `unguessed` of items.npz, those that are there."""
    if file.items is None:
        return {}
    path = folder / ITEM_ARRAYS
    found: dict[str, np.ndarray] = {}
    try:
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != file.items.sha256:
            raise OrganizerError(f"{path}: not the file that ingestion wrote (its digest differs); {ADVICE}")
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in _ITEM_KINDS:
                if f"{name}.npy" in archive.namelist():
                    found[name] = np.load(io.BytesIO(archive.read(f"{name}.npy")), allow_pickle=False)
    except (ValueError, OSError, EOFError, NotImplementedError, MemoryError, zipfile.BadZipFile, zlib.error):
        raise OrganizerError(f"{path}: missing or unreadable; {ADVICE}") from None
    for name, values in found.items():
        if values.shape != (file.submission.items,) or values.dtype.kind != _ITEM_KINDS[name]:
            raise OrganizerError(f"{path}: {name} of shape {values.shape} for {file.submission.items} items; {ADVICE}")
    return found


def _read_seconds(journal: Path, configuration: Configuration) -> float | None:
    """Seconds spent on all checkpoints, scored or not; a checkpoint that was computed twice counts once."""
    if not journal.is_file():
        return None
    seconds: dict[tuple[str, int], float] = {}
    try:
        for line in journal.read_text(encoding="utf-8").splitlines()[1:]:
            row = json.loads(line)
            seconds[(row["model"], row["iteration"])] = float(row["seconds"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise OrganizerError(f"{journal}: not the journal of a sweep; {ADVICE}") from None
    total = sum(seconds.values())
    if not 0 <= total < math.inf or any(key not in seconds for key in configuration.needed):
        raise OrganizerError(f"{journal}: does not say how long each checkpoint took; {ADVICE}")
    return total


def _check_head(file: ResultsFile, configuration: Configuration, folder: Path) -> None:
    expected = (configuration.suite, configuration.suite_version)
    if (file.suite, file.suite_version) != expected:
        raise OrganizerError(
            f"{folder / RESULTS}: results of suite {file.suite} version {file.suite_version}, but scoring.yaml "
            f"is for {expected[0]} version {expected[1]}; run ingestion with that suite"
        )
    counted = sum(subset.items for subset in file.subsets)
    if file.subsets and counted != file.submission.items:
        raise OrganizerError(
            f"{folder / RESULTS}: subsets count {counted} items, submission {file.submission.items}; {ADVICE}"
        )
    listed = [model.id for model in file.models]
    for model in configuration.named_models:
        if listed.count(model) != 1:
            raise OrganizerError(
                f"{folder / RESULTS}: models lists {model} {listed.count(model)} times, not once; {ADVICE}"
            )


def _check_order(rows: dict[tuple[str, int], CheckpointRow], configuration: Configuration) -> None:
    for model in configuration.named_models:
        needed = sorted(iteration for name, iteration in configuration.needed if name == model)
        for before, after in pairwise(rows[(model, iteration)] for iteration in needed):
            if after.tokens <= before.tokens:
                raise OrganizerError(
                    f"{RESULTS}: {model} at iteration {after.iteration} has seen no more tokens than at iteration "
                    f"{before.iteration}; {ADVICE}"
                )


def _read_item_scores(folder: Path, row: CheckpointRow, file: ResultsFile) -> tuple[np.ndarray, np.ndarray | None]:
    """Item scores of one checkpoint and their contrasts, (items,) float32 each, the scores checked against its row."""
    name = PurePosixPath(row.arrays)
    path = folder / name
    try:
        if name.is_absolute() or ".." in name.parts or not path.resolve().is_relative_to(folder.resolve()):
            raise OrganizerError(f"{RESULTS}: arrays {row.arrays!r} is outside the results folder; {ADVICE}")
        content = path.read_bytes()
    except (OSError, ValueError):  # ValueError: NUL in the path
        raise OrganizerError(f"{path}: missing or unreadable; {ADVICE}") from None
    if hashlib.sha256(content).hexdigest() != row.sha256:
        raise OrganizerError(f"{path}: not the file that ingestion wrote (its digest differs); {ADVICE}")
    item_scores, contrast = (_loaded(content, name) for name in ("item_scores", "contrast_scores"))
    if item_scores is None:
        raise OrganizerError(f"{path}: holds no readable item_scores; {ADVICE}")
    for what, values in (("item_scores", item_scores), ("contrast_scores", contrast)):
        if values is not None:
            _check_values(path, what, values, row, file)
    item_scores *= file.item_weights
    mean = float(np.mean(item_scores, dtype=np.float64))
    if abs(mean - row.score) > 1e-6 * max(1.0, abs(mean)):
        raise OrganizerError(f"{path}: its mean {mean:.6f} is not the score {row.score:.6f} of {RESULTS}; {ADVICE}")
    return item_scores, None if contrast is None else contrast * file.item_weights


def _check_values(path: Path, name: str, values: np.ndarray, row: CheckpointRow, file: ResultsFile) -> None:
    if values.shape != (row.items,) or row.items != file.submission.items:
        raise OrganizerError(f"{path}: {name} of shape {values.shape} for {file.submission.items} items; {ADVICE}")
    if not np.isfinite(values).all():
        item = int(np.argmin(np.isfinite(values)))
        raise OrganizerError(f"{path}: {name}: item {item} (counted from 0) has no finite score; {ADVICE}")


def _loaded(content: bytes, name: str) -> np.ndarray | None:
    """An array of an .npz file as float32; None when it has none of this name, or is damaged."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            values = np.load(io.BytesIO(archive.read(f"{name}.npy")), allow_pickle=False)
    except (KeyError, ValueError, OSError, EOFError, NotImplementedError, MemoryError, zipfile.BadZipFile, zlib.error):
        return None
    if not isinstance(values, np.ndarray) or values.dtype.kind != "f":
        return None
    return values.astype(np.float32)
