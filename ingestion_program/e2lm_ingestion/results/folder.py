"""Writes scores into a results folder, one checkpoint at a time and each file atomically, so that a sweep can resume.

`progress.jsonl` is the journal of the sweep: its first line identifies the run, every further line records a finished
checkpoint. `results.json` is written when all checkpoints are finished. docs/results-format.md describes the format.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from e2lm_ingestion.errors import OrganizerError, naming
from e2lm_ingestion.file_names import CHECKPOINTS, ITEMS, JOURNAL, RESULTS
from e2lm_ingestion.suite import Checkpoint, weight_files

SCHEMA = "e2lm-results/1"
_PLURALS = ("items", "subsets")  # of the keys that identify a run


@dataclass(frozen=True, slots=True)
class Finished:
    """One checkpoint's line in progress.jsonl."""

    model: str
    iteration: int
    tokens: int  # training tokens seen, a count
    score: float  # mean item score
    items: int
    arrays: str  # the .npz file, relative to the results folder
    sha256: str  # of that file
    weights: list[list[int]]  # size and modification time of each weight file
    seconds: float
    computed_tokens: int  # tokens that went through the model
    engine: dict[str, str] = field(default_factory=dict)  # keys of the engine that differ from the first line's


class ResultsFolder:
    """A results folder that one sweep fills."""

    def __init__(self, root: Path, identity: Mapping[str, Any]) -> None:
        """Read the journal of `root` and compare it with `identity` (suite, submission, metric, engine, dtype).

        Keys that `identity` leaves out are not compared. Writes nothing. Raises OrganizerError when the folder holds
        results with another identity: results are never mixed or overwritten.
        """
        self._root = root
        self._identity = dict(identity)
        self._subsets = [subset["items"] for subset in identity.get("subsets", [])]
        self._weight_by_size = identity.get("weight_by_size", True)
        self._journal = root / JOURNAL
        self._lines = _whole_lines(self._journal)
        if self._lines:
            recorded, wanted = self._lines[0], json.loads(json.dumps(identity))
            if changed := sorted(key for key in wanted if not _agrees(recorded.get(key), wanted[key])):
                named = (f"{'other' if key in _PLURALS else 'another'} {key}" for key in changed)
                what = f"with {' and '.join(named)}"
                if "submission" in changed:
                    what = "of another submission, or of this one before it was changed"
                raise OrganizerError(
                    f"{root}: holds results {what}; give another --out, or to start over delete this folder "
                    "(e2lm run and e2lm demo: add --overwrite)"
                )
        self._finished = {(line["model"], line["iteration"]): Finished(**line) for line in self._lines[1:]}

    def begin(self, items: bytes) -> None:
        """Prepare the folder for `add` and write items.npz, the item data that metrics need."""
        self._root.mkdir(parents=True, exist_ok=True)
        lines = self._lines or [self._identity]
        # Rewrite an existing journal too: the next line must not be appended to one that a kill cut short.
        write_atomically(self._journal, "".join(json.dumps(line) + "\n" for line in lines).encode())
        write_atomically(self._root / ITEMS, items)

    def is_complete(self, checkpoints: Sequence[Checkpoint]) -> bool:
        """Whether results.json is whole and all of these checkpoints are finished."""
        try:
            json.loads((self._root / RESULTS).read_bytes())
        except (FileNotFoundError, ValueError):
            return False
        return all(map(self.finished, checkpoints))

    def finished(self, checkpoint: Checkpoint) -> Finished | None:
        """The journal line of this checkpoint if its scores are on disk, intact, and of the same weights; else None.

        Weights that are missing, for example evicted under a disk budget, are assumed to be the same.
        """
        done = self._finished.get((checkpoint.model, checkpoint.iteration))
        if done is None or _weights(checkpoint) not in (None, done.weights):
            return None
        file = self._root / done.arrays
        intact = file.is_file() and hashlib.sha256(file.read_bytes()).hexdigest() == done.sha256
        return done if intact else None

    def add(
        self,
        checkpoint: Checkpoint,
        arrays: Mapping[str, np.ndarray],
        *,
        seconds: float,
        computed_tokens: int,
        engine: Mapping[str, str],
    ) -> Finished:
        """Write one checkpoint's arrays, among them `item_scores` (items,), and record it with its mean score."""
        name = f"{CHECKPOINTS}/{checkpoint.model}/iter_{checkpoint.iteration:07d}.npz"
        content = npz(arrays)
        (self._root / name).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self._root / name, content)
        item_scores = arrays["item_scores"]
        done = Finished(
            model=checkpoint.model,
            iteration=checkpoint.iteration,
            tokens=checkpoint.tokens,
            score=mean_score(item_scores, self._subsets, self._weight_by_size),
            items=len(item_scores),
            arrays=name,
            sha256=hashlib.sha256(content).hexdigest(),
            weights=_weights(checkpoint) or [],
            seconds=round(seconds, 3),
            computed_tokens=computed_tokens,
            engine={key: value for key, value in engine.items() if self._identity["engine"].get(key) != value},
        )
        with naming(self._journal), self._journal.open("a", encoding="utf-8") as journal:
            journal.write(json.dumps(asdict(done)) + "\n")
        self._finished[(checkpoint.model, checkpoint.iteration)] = done
        return done

    def complete(self, head: Mapping[str, Any], checkpoints: Sequence[Checkpoint]) -> Path:
        """Write results.json: the keys of `head`, then the checkpoints, all finished, in the order given."""
        rows, engine = [], {key: [value] for key, value in head["engine"].items()}
        for checkpoint in checkpoints:
            row = asdict(self._finished[(checkpoint.model, checkpoint.iteration)])
            del row["weights"], row["seconds"], row["computed_tokens"]  # they differ between runs that agree
            for key, value in row.pop("engine").items():
                engine.setdefault(key, []).append(value)
            rows.append(row)
        described = {key: "; ".join(dict.fromkeys(values)) for key, values in engine.items()}
        return write_results(self._root, {**head, "engine": described}, rows)


def write_results(root: Path, head: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write results.json, the keys of `head` and then the checkpoints, and return its path."""
    path = root / RESULTS
    write_atomically(path, (json.dumps({"schema": SCHEMA, **head, "checkpoints": rows}, indent=1) + "\n").encode())
    return path


def npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    """The content of an .npz file; deterministic, so equal arrays give equal bytes."""
    buffer = io.BytesIO()
    named: dict[str, Any] = dict(arrays)
    np.savez_compressed(buffer, **named)
    return buffer.getvalue()


def mean_score(item_scores: np.ndarray, subsets: Sequence[int], weight_by_size: bool) -> float:
    """The mean of scores (items,); without `weight_by_size`, the mean of the means of `subsets` (their sizes)."""
    if weight_by_size or not subsets:
        return float(np.mean(item_scores, dtype=np.float64))
    starts = np.cumsum([0, *subsets])[:-1]
    means = np.add.reduceat(item_scores.astype(np.float64), starts) / np.asarray(subsets)
    return float(means.mean())


def empty_folder(folder: Path) -> None:
    """Delete everything in a folder. Codabench copies files of the submission into the output folder beforehand."""
    folder.mkdir(parents=True, exist_ok=True)
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _agrees(recorded: Any, wanted: Any) -> bool:  # noqa: ANN401 (any JSON value)
    """Whether a recorded value equals the wanted one; of an object only the keys of `wanted` are compared."""
    if isinstance(recorded, dict) and isinstance(wanted, dict):
        return all(_agrees(recorded.get(key), value) for key, value in wanted.items())
    return bool(recorded == wanted)


def _weights(checkpoint: Checkpoint) -> list[list[int]] | None:
    """Size (bytes) and modification time (ns) of each weight file; None if one is missing."""
    try:
        return [[file.stat().st_size, file.stat().st_mtime_ns] for file in weight_files(checkpoint)]
    except FileNotFoundError:
        return None


def _whole_lines(journal: Path) -> list[dict[str, Any]]:
    """The journal's lines. A last line without a line end was cut short by a kill and is ignored."""
    if not journal.is_file():
        return []
    whole, _, _ = journal.read_text(encoding="utf-8").rpartition("\n")
    try:
        return [json.loads(line) for line in whole.splitlines()]
    except ValueError:
        raise OrganizerError(f"{journal}: damaged; delete the folder {journal.parent} to start over") from None


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file under a temporary name and rename it, so that it is complete or absent. Raises OrganizerError."""
    temporary = path.with_name(path.name + ".partial")
    try:
        with naming(path):
            temporary.write_bytes(content)
            os.replace(temporary, path)
    except BaseException as error:
        if isinstance(error, OSError):
            error.filename, error.filename2 = str(path), None  # not the temporary name
        with suppress(OSError):
            temporary.unlink()
        raise
