"""task-NNN-NAME-metrics.json of olmes (oe-eval), or the metrics-all.jsonl that has them line by line.

One object holds one task at one checkpoint: `task_name`, `task_config`, `model_config`, `metrics`, `num_instances`.
Source: oe_eval/run_eval.py of olmes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from e2lm.signal.formats.json_files import mapping, numbers_of
from e2lm.signal.names import progress_of, without_step
from e2lm.signal.points import Point, is_better_higher
from e2lm_ingestion.errors import OrganizerError

ALL_TASKS = "metrics-all.jsonl"
_CHECKPOINT_KEYS = ("revision", "model_path", "model")


def is_olmes(content: Mapping[str, Any]) -> bool:
    """Whether a JSON object is the metrics of one task."""
    return "metrics" in content and "task_config" in content and "model_config" in content


def read_olmes_lines(path: Path, folders: list[str], *, step: str | None) -> list[Point]:
    """The points of a metrics-all.jsonl. Raises OrganizerError naming a damaged line."""
    points = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            content = from_json(line)
        except ValueError:
            raise OrganizerError(f"{path}: line {number}: not JSON, or cut short; run that checkpoint again") from None
        if isinstance(content, dict) and is_olmes(content):
            points += read_olmes(content, path, folders, step=step)
    return points


def read_olmes(content: Mapping[str, Any], path: Path, folders: list[str], *, step: str | None) -> list[Point]:
    """The points of one task; `folders` are the names below the source, the file last."""
    model, task = mapping(content["model_config"]), mapping(content["task_config"])
    described = [(key, str(model[key])) for key in _CHECKPOINT_KEYS if model.get(key)]
    progress = progress_of(described, folders, location=str(path), pattern=step)
    name = str(mapping(task.get("metadata")).get("alias") or content.get("task_name") or "task")
    shots, limit, items = task.get("num_shots"), task.get("limit"), content.get("num_instances")
    version = task.get("version")
    return [
        Point(
            model=without_step(str(model.get("model") or "model")),
            benchmark=name,
            metric=metric,
            step=progress.step,
            tokens=progress.tokens,
            score=score,
            items=items if isinstance(items, int) and items > 0 else None,
            higher_is_better=is_better_higher(metric),
            shots="" if shots is None else str(shots),
            limit="" if limit is None else str(limit),
            task="" if version is None else f"version {version}",
            checkpoint=", ".join(f"{key}={value}" for key, value in described),
            time=_time(content, path),
            source=str(path),
        )
        for metric, score in numbers_of(content["metrics"], f"{path}: {name}")
    ]


def _time(content: Mapping[str, Any], path: Path) -> float:
    try:
        date = datetime.strptime(str(content.get("current_date")), "%Y-%m-%d %H:%M:%S %Z")
    except ValueError:
        return path.stat().st_mtime
    return date.replace(tzinfo=UTC).timestamp()
