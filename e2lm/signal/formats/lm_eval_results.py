"""results_*.json of lm-evaluation-harness 0.4.5 to 0.4.13, and the samples_*.jsonl beside them.

One file holds one checkpoint: `results` has "metric,filter" and "metric_stderr,filter" for every task, subtask and
group. Source: lm_eval/loggers/evaluation_tracker.py and lm_eval/evaluator.py of the harness.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from e2lm.signal.formats.json_files import mapping, numbers_of
from e2lm.signal.formats.lm_eval_samples import SampleReader, Samples
from e2lm.signal.names import arguments_of, model_of, progress_of, without_step
from e2lm.signal.points import Point, is_better_higher

_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?")
_CHECKPOINT_KEYS = ("revision", "subfolder", "peft", "delta", "pretrained", "model", "model_name", "path", "engine")
_STDERR = "_stderr"
# What makes a task another one, of its configuration in the results file; functions are written with an address.
_IDENTITY = ("dataset_path", "dataset_name", "test_split", "output_type", "doc_to_text", "doc_to_choice")


def is_lm_eval(content: Mapping[str, Any]) -> bool:
    """Whether a JSON object is a results file of the harness."""
    return "results" in content and bool({"lm_eval_version", "n-shot", "group_subtasks"} & content.keys())


def read_lm_eval(
    content: Mapping[str, Any], path: Path, folders: list[str], *, step: str | None, samples: SampleReader
) -> list[Point]:
    """The points of one results file; `folders` are the names below the source, the file last."""
    arguments = arguments_of(mapping(content.get("config")).get("model_args"))
    name = model_of(arguments, str(content.get("model_name") or "model"))
    described = [(key, arguments[key]) for key in _CHECKPOINT_KEYS if arguments.get(key)] or [("model_name", name)]
    progress = progress_of(described, folders, location=str(path), pattern=step)
    limit = mapping(content.get("config")).get("limit")
    tokens = mapping(content.get("config")).get("training_tokens")  # written by `e2lm run --lm-eval-output`
    run = _Run(
        path=path,
        content=content,
        model=without_step(name),
        step=progress.step,
        tokens=float(tokens) if isinstance(tokens, int) else progress.tokens,
        limit="" if limit is None else f"{limit:g}" if isinstance(limit, int | float) else str(limit),
        checkpoint=", ".join(f"{key}={value}" for key, value in described),
        time=time_of(content, path),
    )
    results = {**mapping(content.get("groups")), **mapping(content.get("results"))}
    points = [point for task, values in results.items() for point in run.points_of(task, mapping(values))]
    return _with_samples(points, run, samples)


class _Run:
    """One results file: what all its scores share, and the tasks of its groups."""

    def __init__(
        self,
        *,
        path: Path,
        content: Mapping[str, Any],
        model: str,
        step: int | None,
        tokens: float | None,
        limit: str,
        checkpoint: str,
        time: float,
    ) -> None:
        self.path = path
        self.model, self.step, self.tokens, self.limit = model, step, tokens, limit
        self.checkpoint, self.time = checkpoint, time
        self._subtasks = mapping(content.get("group_subtasks"))
        self._counts = mapping(content.get("n-samples"))
        self._shots = mapping(content.get("n-shot"))
        self._versions = mapping(content.get("versions"))
        self._configs = mapping(content.get("configs"))
        self._directions = mapping(content.get("higher_is_better"))

    def points_of(self, task: str, values: Mapping[str, Any]) -> list[Point]:
        """The scores of one task or group."""
        numbers = dict(numbers_of(values, f"{self.path}: {task}"))
        directions = mapping(self._directions.get(task))
        leaves = self.leaves(task)
        items, original = self._items(leaves)
        shots, identity = self._few_shots(leaves), self._identity(task, original)
        source = str(self.path)
        points = []
        for key, score in numbers.items():
            metric, comma, chain = key.partition(",")
            if not comma or metric.endswith(_STDERR):
                continue
            higher = directions.get(metric)
            points.append(
                Point(
                    model=self.model,
                    benchmark=task,
                    metric=metric if chain in ("", "none") else key,
                    step=self.step,
                    tokens=self.tokens,
                    score=score,
                    stderr=numbers.get(f"{metric}{_STDERR},{chain}"),
                    items=items,
                    higher_is_better=higher if isinstance(higher, bool) else is_better_higher(metric),
                    shots=shots,
                    limit=self.limit,
                    task=identity,
                    checkpoint=self.checkpoint,
                    time=self.time,
                    source=source,
                )
            )
        return points

    def leaves(self, task: str, within: tuple[str, ...] = ()) -> list[str]:
        """The tasks of a group, through groups of groups (`within`); of a task itself alone."""
        children = self._subtasks.get(task)
        if not children or not isinstance(children, list):
            return [task]
        groups = (*within, task)
        below = [str(child) for child in children if child not in groups]
        return [leaf for child in below for leaf in self.leaves(child, groups)] or [task]

    def _items(self, leaves: list[str]) -> tuple[int | None, int | None]:
        """How many items were run, and how many there are; None where a task does not say."""
        counts = [mapping(self._counts.get(leaf)) for leaf in leaves]
        effective, original = ([count.get(kind) for count in counts] for kind in ("effective", "original"))
        return _total(effective), _total(original)

    def _few_shots(self, leaves: list[str]) -> str:
        return "/".join(sorted({str(own) for leaf in leaves if isinstance(own := self._shots.get(leaf), int)}))

    def _identity(self, task: str, original: int | None) -> str:
        """Version, size and prompt of a task: two tasks of one name differ in it."""
        configured = mapping(self._configs.get(task))
        values = [configured.get(key) for key in _IDENTITY]
        version = self._versions.get(task)
        return _described(
            "" if version is None else str(version),
            original,
            tuple(value if isinstance(value, str) else json.dumps(value) if value else "" for value in values),
        )


def _total(counts: list[Any]) -> int | None:
    return sum(counts) if counts and all(isinstance(count, int) for count in counts) else None


@lru_cache(maxsize=100_000)  # every checkpoint repeats it
def _described(version: str, original: int | None, values: tuple[str, ...]) -> str:
    parts = [f"version {version}"] if version else []
    if original is not None:
        parts.append(f"{original:,} items")
    named = zip(_IDENTITY, values, strict=True)
    return ", ".join([*parts, *(f"{key} {value!r}" for key, value in named if value and " at 0x" not in value)])


def time_of(content: Mapping[str, Any], path: Path) -> float:
    """When a run was started, in seconds since 1970: from its results, the file's name, or the file's date."""
    date = content.get("date")
    if isinstance(date, int | float):
        return float(date)
    named = _DATE.search(path.name)
    if named is not None:
        day, _, clock = named[0].partition("T")
        return datetime.fromisoformat(f"{day}T{clock.replace('-', ':')}").timestamp()
    return path.stat().st_mtime


def _with_samples(points: list[Point], run: _Run, samples: SampleReader) -> list[Point]:
    """The same points with the scores of items, where the run logged them."""
    date, names = _DATE.search(run.path.name), samples.names(run.path.parent)
    if date is None or not names:
        return points
    found: dict[str, Samples] = {}
    for task in {leaf for point in points for leaf in run.leaves(point.benchmark)}:
        name = f"samples_{task}_{date[0]}.jsonl"
        if name in names:
            found[task] = samples.read(run.path.with_name(name), task)
    return [samples.attach(point, run.leaves(point.benchmark), found) for point in points] if found else points
