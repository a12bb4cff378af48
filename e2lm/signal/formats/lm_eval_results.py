"""results_*.json of lm-evaluation-harness 0.4.5 to 0.4.13, and the samples_*.jsonl beside them.

One file holds one checkpoint: `results` has "metric,filter" and "metric_stderr,filter" for every task, subtask and
group. Source: lm_eval/loggers/evaluation_tracker.py and lm_eval/evaluator.py of the harness.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
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
    shared = Point(
        model=without_step(name),
        benchmark="",
        metric="",
        step=progress.step,
        tokens=float(tokens) if isinstance(tokens, int) else progress.tokens,
        score=0.0,
        limit="" if limit is None else f"{limit:g}" if isinstance(limit, int | float) else str(limit),
        checkpoint=", ".join(f"{key}={value}" for key, value in described),
        time=time_of(content, path),
        source=str(path),
    )
    results = {**mapping(content.get("groups")), **mapping(content.get("results"))}
    points = []
    for task, values in results.items():
        points += _points_of(task, mapping(values), content, shared, path)
    return _with_samples(points, content, path, samples)


def _points_of(
    task: str, values: Mapping[str, Any], content: Mapping[str, Any], shared: Point, path: Path
) -> list[Point]:
    numbers = dict(numbers_of(values, f"{path}: {task}"))
    directions = mapping(mapping(content.get("higher_is_better")).get(task))
    items = _items(task, content)
    points = []
    for key, score in numbers.items():
        metric, _, chain = key.partition(",")
        if "," not in key or metric.endswith(_STDERR):
            continue
        higher = directions.get(metric)
        points.append(
            replace(
                shared,
                benchmark=task,
                metric=metric if chain in ("", "none") else key,
                score=score,
                stderr=numbers.get(f"{metric}{_STDERR},{chain}"),
                items=items,
                higher_is_better=higher if isinstance(higher, bool) else is_better_higher(metric),
                shots=_shots(task, content),
                task=_identity(task, content),
            )
        )
    return points


def _leaves(task: str, content: Mapping[str, Any]) -> list[str]:
    """The tasks of a group, through groups of groups; of a task itself alone."""
    children = mapping(content.get("group_subtasks")).get(task) or []
    if not isinstance(children, list):
        return [task]
    return [leaf for child in children if child != task for leaf in _leaves(str(child), content)] or [task]


def _items(task: str, content: Mapping[str, Any], kind: str = "effective") -> int | None:
    counts = mapping(content.get("n-samples"))
    each = [mapping(counts.get(leaf)).get(kind) for leaf in _leaves(task, content)]
    known = [count for count in each if isinstance(count, int)]
    return sum(known) if known and len(known) == len(each) else None


def _shots(task: str, content: Mapping[str, Any]) -> str:
    shots = mapping(content.get("n-shot"))
    each = {str(shots[leaf]) for leaf in _leaves(task, content) if isinstance(shots.get(leaf), int)}
    return "/".join(sorted(each))


def _identity(task: str, content: Mapping[str, Any]) -> str:
    """Version, size and prompt of a task: two tasks of one name differ in it."""
    version = mapping(content.get("versions")).get(task)
    parts = [f"version {version}"] if version is not None else []
    original = _items(task, content, "original")
    if original is not None:
        parts.append(f"{original:,} items")
    configured = mapping(mapping(content.get("configs")).get(task))
    parts += [f"{key} {value!r}" for key in _IDENTITY if (value := configured.get(key)) and " at 0x" not in str(value)]
    return ", ".join(parts)


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


def _with_samples(points: list[Point], content: Mapping[str, Any], path: Path, samples: SampleReader) -> list[Point]:
    """The same points with the scores of items, where the run logged them."""
    date = _DATE.search(path.name)
    found: dict[str, Samples] = {}
    if date is not None:
        for task in {leaf for point in points for leaf in _leaves(point.benchmark, content)}:
            file = path.with_name(f"samples_{task}_{date[0]}.jsonl")
            if file.is_file():
                found[task] = samples.read(file, task)
    return [samples.attach(point, _leaves(point.benchmark, content), found) for point in points] if found else points
