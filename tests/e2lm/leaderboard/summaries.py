"""Writes folders of scored runs with given scores and draws."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np


def write_run(folder: Path, score: float, *, spread: float = 0.01, **changed: Any) -> Path:  # noqa: ANN401 (JSON)
    """A run whose score, and SQ, RC and CS, have draws spread evenly around `score`."""
    draws = np.linspace(score - spread, score + spread, 101).round(6).tolist()
    scores = dict.fromkeys(("score", "sq", "rc", "cs"), score)
    summary = {
        "schema": "e2lm-summary/1",
        "task": folder.name,
        "suite": "tiny",
        "suite_version": 1,
        "metric": "acc",
        "items": 200,
        "submission": "0" * 64,
        "reveal": "participant",
        "eligible": True,
        "reasons": [],
        "scores": scores,
        "intervals": {key: {"low": score - spread, "high": score + spread, "error": spread / 2} for key in scores},
        "draws": dict.fromkeys(scores, draws),
    }
    folder.mkdir(parents=True)
    (folder / "summary.json").write_text(json.dumps(summary | changed))
    (folder / "detailed_results.html").write_text(f"<!doctype html><title>report</title><h1>{folder.name}</h1>")
    return folder


def write_entries(path: Path, entries: dict[str, dict[str, Any]]) -> Path:
    path.write_text(json.dumps(entries))
    return path
