"""Run folders of `e2lm run`: results.json, and the item scores of every checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from e2lm.runs.result_arrays import read_arrays
from e2lm.signal.contrast import wrong_label_contrast
from e2lm.signal.points import Point
from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.file_names import RESULTS
from e2lm_ingestion.metrics.builtin import MetricSpec
from e2lm_ingestion.task.task_parts import Metric
from e2lm_scoring.inputs.results import SCHEMA, ResultsFile, read_results_file


def is_run(content: Mapping[str, Any]) -> bool:
    """Whether a JSON object is the results.json of a run."""
    return content.get("schema") == SCHEMA


def read_run(folder: Path) -> list[Point]:
    """The points of a results folder. Raises OrganizerError naming a file that is missing or damaged."""
    file = read_results_file(folder)
    spec = _spec(file)
    items = read_arrays(folder, file.items.arrays, file.items.sha256) if file.items is not None and spec else {}
    time = (folder / RESULTS).stat().st_mtime
    points = []
    for row in file.checkpoints:
        arrays = read_arrays(folder, row.arrays, row.sha256)
        scores = arrays["item_scores"].astype(np.float32) * file.item_weights
        points.append(
            Point(
                model=row.model,
                benchmark=file.task,
                metric=file.metric,
                step=row.iteration,
                tokens=float(row.tokens),
                score=float(np.mean(scores, dtype=np.float64)),  # results.json may differ in the last digits
                items=row.items,
                higher_is_better=file.higher_is_better,
                chance=file.chance,
                task=f"submission {file.submission.sha256[:12]}",
                checkpoint=f"{file.suite}: {row.model}, iteration {row.iteration}",
                time=time,
                source=str(folder / RESULTS),
                item_scores=scores,
                contrast=_contrast(spec, items, arrays),
                subsets=tuple(subset.items for subset in file.subsets),
            )
        )
    return points


def _spec(file: ResultsFile) -> MetricSpec | None:
    """The metric of the run, where its task has choices."""
    if file.output_type != "multiple_choice" or not file.metric_list:
        return None
    return Metric.model_validate(file.metric_list[0]).spec("multiple_choice")


def _contrast(
    spec: MetricSpec | None, items: Mapping[str, np.ndarray], arrays: Mapping[str, np.ndarray]
) -> np.ndarray | None:
    if spec is None or spec.formula is None or "choice_offsets" not in items:
        return None
    try:
        return wrong_label_contrast(spec.formula, items, arrays)
    except SubmissionError:  # the metric has no finite value with another label
        return None
