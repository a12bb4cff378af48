"""Scores -> results/: one checkpoint at a time, each file whole or absent, so that a sweep can be killed and resumed.

`progress.jsonl` is the sweep's memory: its first line says what the results are of, every further line that a
checkpoint is finished. `results.json` appears when all are. The format is described in docs/results-format.md.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from e2lm_ingestion.errors import OrganizerError, naming
from e2lm_ingestion.file_names import CHECKPOINTS, ITEMS, JOURNAL, RESULTS
from e2lm_ingestion.suite import Checkpoint, weight_files

SCHEMA = "e2lm-results/1"


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


class ResultsFolder:
    """A results folder being filled by one sweep."""

    def __init__(self, root: Path, identity: Mapping[str, Any]) -> None:
        """Read what `root` holds of `identity` (suite, submission, metric, engine, dtype); writes nothing yet.

        An `identity` that leaves keys out fits whatever the folder says of these. Raises OrganizerError when the folder
        holds results of something else: they are never mixed or overwritten.
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
                what = f"with another {' and '.join(changed)}"
                if "submission" in changed:
                    what = "of another submission, or of this one before it was changed"
                raise OrganizerError(
                    f"{root}: holds results {what}; give another --out, or to start over delete this folder "
                    "(e2lm run and e2lm demo: add --overwrite)"
                )
        self._finished = {(line["model"], line["iteration"]): Finished(**line) for line in self._lines[1:]}

    def begin(self, items: bytes) -> None:
        """Make the folder ready for `add`, and write items.npz: what the items are for metrics."""
        self._root.mkdir(parents=True, exist_ok=True)
        lines = self._lines or [self._identity]
        # Written again also where it is there: a line that a kill cut short must not swallow the next one.
        write_atomically(self._journal, "".join(json.dumps(line) + "\n" for line in lines).encode())
        write_atomically(self._root / ITEMS, items)

    def is_complete(self, checkpoints: Sequence[Checkpoint]) -> bool:
        """Whether results.json is there and every one of these checkpoints is finished."""
        return (self._root / RESULTS).is_file() and all(map(self.finished, checkpoints))

    def finished(self, checkpoint: Checkpoint) -> Finished | None:
        """This checkpoint's line when its scores are on disk, unharmed, and of the same weights.

        Weights that are not here any more, such as those that made room for others, are taken to be the same.
        """
        done = self._finished.get((checkpoint.model, checkpoint.iteration))
        if done is None or _weights(checkpoint) not in (None, done.weights):
            return None
        file = self._root / done.arrays
        unharmed = file.is_file() and hashlib.sha256(file.read_bytes()).hexdigest() == done.sha256
        return done if unharmed else None

    def add(
        self, checkpoint: Checkpoint, arrays: Mapping[str, np.ndarray], *, seconds: float, computed_tokens: int
    ) -> Finished:
        """Keep one checkpoint's arrays (`item_scores` (items,) among them) and its mean score."""
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
        )
        with naming(self._journal), self._journal.open("a", encoding="utf-8") as journal:
            journal.write(json.dumps(asdict(done)) + "\n")
        self._finished[(checkpoint.model, checkpoint.iteration)] = done
        return done

    def complete(self, head: Mapping[str, Any], checkpoints: Sequence[Checkpoint]) -> Path:
        """Write results.json: the head's keys, then the checkpoints in the order given. All must be finished."""
        rows = []
        for checkpoint in checkpoints:
            row = asdict(self._finished[(checkpoint.model, checkpoint.iteration)])
            del row["weights"], row["seconds"], row["computed_tokens"]  # they differ between runs that agree
            rows.append(row)
        return write_results(self._root, head, rows)


def write_results(root: Path, head: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write results.json, the head's keys and then the checkpoints, and return its path."""
    path = root / RESULTS
    write_atomically(path, (json.dumps({"schema": SCHEMA, **head, "checkpoints": rows}, indent=1) + "\n").encode())
    return path


def npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    """An .npz file, the same bytes for the same arrays."""
    buffer = io.BytesIO()
    named: dict[str, Any] = dict(arrays)
    np.savez_compressed(buffer, **named)
    return buffer.getvalue()


def mean_score(item_scores: np.ndarray, subsets: Sequence[int], weight_by_size: bool) -> float:
    """The mean of (items,) scores, or that of the means of subsets of these sizes."""
    if weight_by_size or not subsets:
        return float(np.mean(item_scores, dtype=np.float64))
    starts = np.cumsum([0, *subsets])[:-1]
    means = np.add.reduceat(item_scores.astype(np.float64), starts) / np.asarray(subsets)
    return float(means.mean())


def empty_folder(folder: Path) -> None:
    """Delete everything in a folder: on Codabench it is filled with the submission's own files beforehand."""
    folder.mkdir(parents=True, exist_ok=True)
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _agrees(recorded: Any, wanted: Any) -> bool:  # noqa: ANN401 (what JSON holds)
    """Whether a recorded value is the wanted one; of an object, in the keys that are wanted."""
    if isinstance(recorded, dict) and isinstance(wanted, dict):
        return all(_agrees(recorded.get(key), value) for key, value in wanted.items())
    return bool(recorded == wanted)


def _weights(checkpoint: Checkpoint) -> list[list[int]] | None:
    """Size and modification time of each weight file; None where one is missing."""
    try:
        return [[file.stat().st_size, file.stat().st_mtime_ns] for file in weight_files(checkpoint)]
    except FileNotFoundError:
        return None


def _whole_lines(journal: Path) -> list[dict[str, Any]]:
    """The journal's lines; a last line without its line end was cut short by a kill and does not count."""
    if not journal.is_file():
        return []
    whole, _, _ = journal.read_text(encoding="utf-8").rpartition("\n")
    try:
        return [json.loads(line) for line in whole.splitlines()]
    except ValueError:
        raise OrganizerError(f"{journal}: damaged; delete the folder {journal.parent} to start over") from None


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    temporary = path.with_name(path.name + ".partial")
    with naming(path):
        temporary.write_bytes(content)
    os.replace(temporary, path)
