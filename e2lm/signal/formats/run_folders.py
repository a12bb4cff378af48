"""Run folders of `e2lm run`: results.json, and the item scores of every checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from e2lm.runs.result_arrays import read_arrays
from e2lm.runs.run_folder import RunFolder
from e2lm.signal.points import Point
from e2lm_ingestion.file_names import RESULTS
from e2lm_scoring.inputs.results import SCHEMA


def is_run(content: Mapping[str, Any]) -> bool:
    """Whether a JSON object is the results.json of a run."""
    return content.get("schema") == SCHEMA


def read_run(folder: Path) -> list[Point]:
    """The points of a results folder. Raises OrganizerError naming a file that is missing or damaged."""
    file = RunFolder(folder).head()
    time = (folder / RESULTS).stat().st_mtime
    points = []
    for row in file.checkpoints:
        arrays = read_arrays(folder, row.arrays, row.sha256)
        scores = arrays["item_scores"].astype(np.float32) * file.item_weights
        contrast = arrays.get("contrast_scores")  # not in results of an earlier version
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
                contrast=None if contrast is None else contrast.astype(np.float32) * file.item_weights,
                subsets=tuple(subset.items for subset in file.subsets),
            )
        )
    return points
