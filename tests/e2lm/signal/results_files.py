"""Results files as lm-evaluation-harness 0.4.9 writes them, from scores typed in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# Right answers of EleutherAI/pythia-1b at step 1000, 2000, ..., 16000 to 613 easy items of MMLU as cloze, 0-shot, as
# lm_eval 0.4.9 counted them for a participant of 2025.
ITEMS = 613
PYTHIA_1B = (151, 153, 169, 176, 175, 176, 182, 164, 178, 181, 179, 182, 175, 182, 186, 179)
RISING = (0.25, 0.26, 0.25, 0.27, 0.3, 0.29, 0.33, 0.36, 0.4, 0.41)


def results_file(
    folder: Path,
    step: int,
    scores: Mapping[str, float],
    *,
    metric: str = "acc",
    model_args: str | dict[str, str] | None = None,
    date: float | None = None,
    shots: int = 0,
    limit: float | None = None,
    items: int = ITEMS,
    version: float = 1.0,
    **more: Any,  # noqa: ANN401 (keys of the file)
) -> Path:
    """Write one checkpoint's scores, by task, and return the file."""
    args = model_args if model_args is not None else f"pretrained=EleutherAI/pythia-1b,revision=step{step},dtype=float"
    values = {
        task: {"alias": task, f"{metric},none": score, f"{metric}_stderr,none": (score * (1 - score) / items) ** 0.5}
        for task, score in scores.items()
    }
    content = {
        "results": values,
        "group_subtasks": {task: [] for task in scores},
        "higher_is_better": {task: {metric: True} for task in scores},
        "n-samples": {task: {"original": items, "effective": items} for task in scores},
        "n-shot": dict.fromkeys(scores, shots),
        "versions": dict.fromkeys(scores, version),
        "date": 1753606306.0 + step if date is None else date,
        "lm_eval_version": "0.4.9",
        "model_name": "EleutherAI/pythia-1b",
        "config": {"model": "hf", "model_args": args, "limit": limit},
        **more,
    }
    path = folder / f"results_2025-07-27T08-{step // 60000 % 60:02}-{step // 1000 % 60:02}.{step % 1000:06}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def curve_files(folder: Path, scores: Sequence[float] = RISING, *, task: str = "arc", **options: Any) -> Path:  # noqa: ANN401
    """Write a file for each score, at step 1000, 2000, ..., and return the folder."""
    for number, score in enumerate(scores, start=1):
        results_file(folder, 1000 * number, {task: score}, **options)
    return folder
