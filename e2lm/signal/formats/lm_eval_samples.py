"""samples_*.jsonl of `lm_eval --log_samples`: the score of every item, and the log-likelihoods it was made from.

A line repeats the document and all prompts, kilobytes that every checkpoint has in common. Of the first checkpoint
whole lines are read, for the right answers and the lengths of the choices; of the others only the end of each line,
from `filtered_resps` on.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic_core import from_json

from e2lm.signal.points import Point
from e2lm_ingestion.errors import OrganizerError, SubmissionError
from e2lm_ingestion.metrics.builtin import MULTIPLE_CHOICE_METRICS, MetricSpec, chance, choice_columns
from e2lm_ingestion.metrics.contrast import contrast_scores

_RESPONSES = b', "filtered_resps": '  # within a document its quotes would be escaped
_HEAD = re.compile(rb'\{"doc_id": (\d+), ')
TOLERANCE = 1e-6  # between a score of the results file and the mean of its items


@dataclass(frozen=True, slots=True)
class Items:
    """What the items of a task are, the same for every checkpoint."""

    identity: str  # digest of the documents and targets
    arrays: dict[str, np.ndarray] | None  # of multiple choice: choice_offsets, gold and lengths, as in items.npz


@dataclass(frozen=True, slots=True)
class Samples:
    """What one checkpoint scored on one task."""

    task: str
    file: Path
    items: Items
    scores: dict[tuple[str, str], np.ndarray]  # (metric, filter) -> (items,) float32, in the order of doc_id
    loglikelihoods: np.ndarray | None  # (choices of all items,) float32


@dataclass(slots=True)
class _Columns:
    """One checkpoint's lines as they are read."""

    ids: list[int] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)
    responses: list[Any] = field(default_factory=list)
    whole: list[dict[str, Any]] = field(default_factory=list)
    scores: dict[str, list[float]] = field(default_factory=dict)


class SampleReader:
    """Reads the samples of many checkpoints, and keeps what the items of each task are."""

    def __init__(self) -> None:
        self._items: dict[tuple[str, str], Items] = {}  # (task, digest)
        self._names: dict[Path, frozenset[str]] = {}  # of the files in a folder

    def names(self, folder: Path) -> frozenset[str]:
        """The names of the samples in a folder, which is listed once."""
        if folder not in self._names:
            self._names[folder] = frozenset(name for name in os.listdir(folder) if name.startswith("samples_"))
        return self._names[folder]

    def read(self, file: Path, task: str) -> Samples:
        """One file. Raises OrganizerError naming the line where it is damaged."""
        columns = self._lines(file, whole=False)
        first = next(iter(columns.values()))
        if len(set(first.ids)) < len(first.ids):
            raise OrganizerError(f"{file}: a doc_id stands twice; delete the file, or run that checkpoint again")
        order = np.argsort(np.asarray(first.ids), kind="stable")
        digest = hashlib.sha256("".join(first.hashes[index] for index in order).encode()).hexdigest()
        if (task, digest) not in self._items:
            whole = next(iter(self._lines(file, whole=True).values()))
            lines = [whole.whole[index] for index in order]
            self._items[(task, digest)] = Items(digest, _choice_arrays(lines))
        items = self._items[(task, digest)]
        scores = {}
        for chain, one in columns.items():
            own = np.argsort(np.asarray(one.ids), kind="stable")
            for metric, values in one.scores.items():
                if len(values) == len(own):
                    scores[(metric, chain)] = np.asarray(values, dtype=np.float32)[own]
        return Samples(task, file, items, scores, _loglikelihoods(first, order, items))

    @staticmethod
    def _lines(file: Path, *, whole: bool) -> dict[str, _Columns]:
        found: dict[str, _Columns] = {}
        with file.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                cut, head = line.rfind(_RESPONSES), _HEAD.match(line)
                try:
                    if whole or cut < 0 or head is None:
                        row = from_json(line)
                        identity = int(row["doc_id"])
                    else:
                        row, identity = from_json(b"{" + line[cut + 2 :], cache_strings="keys"), int(head[1])
                    columns = found.get(row["filter"]) or found.setdefault(row["filter"], _Columns())
                    columns.ids.append(identity)
                    columns.hashes.append(f"{row['doc_hash']}{row['target_hash']}")
                    columns.responses.append(row["filtered_resps"])
                    for metric in row["metrics"]:
                        value = row[metric]
                        if isinstance(value, int | float):
                            columns.scores.setdefault(metric, []).append(float(value))
                except (ValueError, KeyError, TypeError):
                    raise OrganizerError(
                        f"{file}: line {number}: not a sample of lm_eval, or cut short; delete the file, or run that "
                        "checkpoint again"
                    ) from None
                if whole:
                    columns.whole.append(row)
        if not found:
            raise OrganizerError(f"{file}: empty; delete it, or run that checkpoint again")
        return found

    @staticmethod
    def attach(point: Point, leaves: list[str], found: Mapping[str, Samples]) -> Point:
        """The point with the scores of its items, if their mean is its score; that of a perplexity is not."""
        parts = [found[leaf] for leaf in leaves if leaf in found]
        metric, _, chain = point.metric.partition(",")
        keys = [next((key for key in part.scores if key == (metric, chain or key[1])), None) for part in parts]
        if len(parts) != len(leaves) or None in keys:
            return point
        scores = [part.scores[key] for part, key in zip(parts, keys, strict=True) if key is not None]
        together = np.concatenate(scores)
        if not np.isfinite(together).all():
            raise OrganizerError(
                f"{parts[0].file}: {point.benchmark}: {metric} of an item is not a finite number; run that checkpoint "
                "again, or move its files away"
            )
        if abs(float(np.mean(together, dtype=np.float64)) - point.score) > TOLERANCE * max(1.0, abs(point.score)):
            return point
        contrasts = [_contrast(part, metric, own) for part, own in zip(parts, scores, strict=True)]
        chances = [_chance(part, metric) for part in parts]
        sizes = [len(own) for own in scores]
        known = [one for one in chances if one is not None]
        whole = [one for one in contrasts if one is not None]
        return replace(
            point,
            items=len(together),
            documents=hashlib.sha256("".join(part.items.identity for part in parts).encode()).hexdigest()[:8],
            chance=float(np.average(known, weights=sizes)) if len(known) == len(parts) else None,
            item_scores=together,
            contrast=np.concatenate(whole) if len(whole) == len(parts) else None,
            subsets=tuple(sizes) if len(sizes) > 1 else (),
        )


def _choice_arrays(lines: list[dict[str, Any]]) -> dict[str, np.ndarray] | None:
    """The arrays of items.npz of multiple choice; None for other tasks."""
    texts, gold = [], []
    for line in lines:
        arguments = [one.get("arg_1") for one in _values(line.get("arguments"))]
        choices = len(line["filtered_resps"])
        continuations = [text for text in arguments[:choices] if isinstance(text, str)]
        if choices < 2 or len(continuations) != choices:
            return None
        right = _right_choice(line.get("target"), continuations)
        if right is None:
            return None
        texts.append(continuations)
        gold.append([number == right for number in range(choices)])
    flat = [text.removeprefix(" ") for choices in texts for text in choices]  # " " is lm_eval's target_delimiter
    return {
        "choice_offsets": np.cumsum([0, *map(len, texts)]),
        "gold": np.asarray([one for own in gold for one in own], dtype=bool),
        "chars": np.asarray([len(text) for text in flat], dtype=np.int32),
        "bytes": np.asarray([len(text.encode()) for text in flat], dtype=np.int32),
        "words": np.asarray([len(re.split(r"\s+", text)) for text in flat], dtype=np.int32),
    }


def _values(value: object) -> list[dict[str, Any]]:
    """`arguments` of a sample: an object of numbered objects."""
    return [one for one in value.values() if isinstance(one, dict)] if isinstance(value, dict) else []


def _right_choice(target: object, continuations: list[str]) -> int | None:
    """The number of the right choice: `target` is that number, or the text."""
    text = str(target).strip()
    if text.isascii() and text.isdigit() and int(text) < len(continuations):
        return int(text)
    same = [number for number, own in enumerate(continuations) if own.strip() == text]
    return same[0] if len(same) == 1 else None


def _loglikelihoods(columns: _Columns, order: np.ndarray, items: Items) -> np.ndarray | None:
    """(choices of all items,) float32, where the task is multiple choice."""
    if items.arrays is None:
        return None
    try:
        each = [float(response[0]) for index in order for response in columns.responses[index]]
    except (TypeError, ValueError, IndexError):
        return None
    return np.asarray(each, dtype=np.float32) if len(each) == items.arrays["choice_offsets"][-1] else None


def _spec(part: Samples, metric: str) -> MetricSpec | None:
    """Our metric of the same name, where it needs nothing that samples do not hold."""
    spec = MULTIPLE_CHOICE_METRICS.get(metric)
    held = {"ll", "gold", "chars", "bytes", "words", "number"}
    if spec is None or spec.formula is None or part.items.arrays is None or not spec.names <= held:
        return None
    return spec


def _chance(part: Samples, metric: str) -> float | None:
    spec = _spec(part, metric)
    if spec is None or not spec.guessed or spec.formula is None or part.items.arrays is None:
        return None
    return chance(spec.formula, part.items.arrays)


def _contrast(part: Samples, metric: str, scores: np.ndarray) -> np.ndarray | None:
    """The contrast of each item, where our formula gives the scores that the harness logged."""
    spec = _spec(part, metric)
    if spec is None or spec.formula is None or part.items.arrays is None or part.loglikelihoods is None:
        return None
    answers = {
        "loglikelihoods": part.loglikelihoods,
        "greedy": np.zeros(len(part.loglikelihoods)),
        "tokens": np.ones(len(part.loglikelihoods)),
    }
    columns = choice_columns(part.items.arrays, answers)
    try:
        again = spec.formula.item_scores(columns)
    except SubmissionError:  # no finite value: not the metric that the harness logged
        return None
    agrees = float(np.mean(np.abs(again - scores) <= 1e-3)) > 0.999
    return contrast_scores(spec.formula, columns) if agrees else None
