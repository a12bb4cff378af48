"""results_*.json of lighteval: `config_general`, and metrics by "suite|task|shots" or "task|shots".

Source: src/lighteval/logging/evaluation_tracker.py and docs/source/saving-and-reading-results.mdx of lighteval.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from e2lm.signal.formats.json_files import mapping, numbers_of
from e2lm.signal.formats.lm_eval_results import time_of
from e2lm.signal.names import Progress, progress_of, without_step
from e2lm.signal.points import Point, is_better_higher

_STDERR = "_stderr"
_OVER_ALL = "all"  # the mean over whatever was run together


def is_lighteval(content: Mapping[str, Any]) -> bool:
    """Whether a JSON object is a results file of lighteval."""
    return "results" in content and "config_general" in content


def read_lighteval(content: Mapping[str, Any], path: Path, folders: list[str], *, step: str | None) -> list[Point]:
    """The points of one results file; `folders` are the names below the source, the file last."""
    general = mapping(content["config_general"])
    configured = mapping(general.get("model_config"))
    name = str(general.get("model_name") or configured.get("model_name") or "model")
    described = [("model_name", name)]
    if configured.get("revision"):
        described.insert(0, ("revision", str(configured["revision"])))
    trained = mapping(mapping(general.get("config")).get("general")).get("step")  # of nanotron's configuration
    if step is None and isinstance(trained, int):
        progress = Progress(trained, None)
    else:
        progress = progress_of(described, folders, location=str(path), pattern=step)
    limit = general.get("max_samples")
    shared = Point(
        model=without_step(name),
        benchmark="",
        metric="",
        step=progress.step,
        tokens=progress.tokens,
        score=0.0,
        limit="" if limit is None else str(limit),
        checkpoint=", ".join(f"{key}={value}" for key, value in described),
        time=time_of(content, path),
        source=str(path),
    )
    return [
        point
        for task, values in mapping(content["results"]).items()
        if task != _OVER_ALL
        for point in _points_of(task, mapping(values), content, shared, path)
    ]


def _points_of(
    task: str, values: Mapping[str, Any], content: Mapping[str, Any], shared: Point, path: Path
) -> list[Point]:
    numbers = dict(numbers_of(values, f"{path}: {task}"))
    parts = task.split("|")
    names = [part for part in parts if not part.isdigit()]
    shots = next((part for part in parts if part.isdigit()), "")
    configs = mapping(content.get("config_tasks"))
    config = mapping(configs.get(task) or configs.get("|".join(names)))
    items, version = config.get("effective_num_docs"), mapping(content.get("versions")).get(task)
    directions = _directions(config)
    return [
        replace(
            shared,
            benchmark="|".join(names) or task,
            metric=metric,
            score=score,
            stderr=numbers.get(metric + _STDERR),
            items=items if isinstance(items, int) and items > 0 else None,
            higher_is_better=directions.get(metric, is_better_higher(metric)),
            shots=shots,
            task="" if version is None else f"version {version}",
        )
        for metric, score in numbers.items()
        if not metric.endswith(_STDERR)
    ]


def _directions(config: Mapping[str, Any]) -> dict[str, bool]:
    """Whether higher is better, by metric; a metric may have several names with a direction each."""
    found: dict[str, bool] = {}
    metrics = config.get("metrics") or config.get("metric")
    for metric in metrics if isinstance(metrics, list) else []:
        names, higher = mapping(metric).get("metric_name"), mapping(metric).get("higher_is_better")
        if isinstance(higher, bool) and isinstance(names, str):
            found[names] = higher
        elif isinstance(higher, dict):
            found |= {str(name): value for name, value in higher.items() if isinstance(value, bool)}
    return found
