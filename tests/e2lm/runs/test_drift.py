"""Drift between runs: differences within and beyond the bound of rounding."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from e2lm.runs.drift import noise_bound, report_drift
from e2lm.suites.registry import SUITES
from e2lm_ingestion.errors import OrganizerError
from e2lm_scoring.inputs.results import SCHEMA

ITEMS = 200


def leave_run(folder: Path, scores: np.ndarray, loglikelihoods: np.ndarray, sha256: str = "a") -> None:
    """A run of one checkpoint with these scores of items and log-likelihoods of choices."""
    results = folder / "results"
    results.mkdir(parents=True)
    np.savez(results / "one.npz", item_scores=scores.astype(np.float32), loglikelihoods=loglikelihoods)
    row = {"model": "m", "iteration": 1, "tokens": 1, "items": len(scores), "arrays": "one.npz", "sha256": "0"}
    head = {
        "schema": SCHEMA,
        "suite": "miniature",
        "suite_version": 1,
        "task": "t",
        "metric": "acc",
        "higher_is_better": True,
        "chance": None,
        "submission": {"sha256": sha256, "items": len(scores)},
        "items": {"arrays": "items.npz", "sha256": "0"},
        "engine": {"dtype": "float32"},
        "models": [],
        "checkpoints": [{**row, "score": float(scores.mean())}],
    }
    (results / "results.json").write_text(json.dumps(head))


def drift_of(tmp_path: Path, scores: np.ndarray, shift: float) -> pd.Series:
    """The row of drift.csv for a run with other scores and log-likelihoods `shift` nats higher."""
    leave_run(tmp_path / "earlier/one", np.arange(ITEMS) % 2, np.zeros(ITEMS))
    leave_run(tmp_path / "out/one", scores, np.full(ITEMS, shift))
    report_drift(tmp_path / "earlier", tmp_path / "out", ["one"], SUITES["miniature"].scoring)
    return pd.read_csv(tmp_path / "out/drift.csv").iloc[0]


def test_the_same_run_does_not_drift(tmp_path: Path) -> None:
    row = drift_of(tmp_path, np.arange(ITEMS) % 2, 0.0)
    assert (row["difference"], row["noise"], row["changed"], row["beyond"]) == (0, 0, 0, False)


def test_few_flips_in_one_direction_are_explained_by_rounding(tmp_path: Path) -> None:
    scores = np.arange(ITEMS) % 2
    scores[[0, 2, 4]] = 1
    row = drift_of(tmp_path, scores, 1e-5)
    assert row["changed"] == 3
    assert not row["beyond"]


def test_many_flips_in_one_direction_are_not(tmp_path: Path) -> None:
    row = drift_of(tmp_path, np.ones(ITEMS), 1e-5)
    assert row["difference"] == 0.5
    assert row["beyond"]


def test_other_weights_of_equal_accuracy_are_noticed_by_their_loglikelihoods(tmp_path: Path) -> None:
    row = drift_of(tmp_path, (np.arange(ITEMS) + 1) % 2, 0.3)
    assert row["difference"] == 0
    assert row["beyond"]


def test_other_items_are_not_compared(tmp_path: Path) -> None:
    leave_run(tmp_path / "earlier/one", np.zeros(4), np.zeros(4), sha256="b")
    leave_run(tmp_path / "out/one", np.zeros(4), np.zeros(4))
    with pytest.raises(OrganizerError, match="no run with the same items"):
        report_drift(tmp_path / "earlier", tmp_path / "out", ["one"], SUITES["miniature"].scoring)


def test_random_signs_stay_within_the_bound() -> None:
    rng = np.random.default_rng(0)
    flips = np.concatenate([np.ones(30), np.zeros(70)])
    means = [abs(np.mean(flips * rng.choice([-1, 1], 100))) for _ in range(2000)]
    assert np.mean(np.asarray(means) > noise_bound(flips, 1)) < 0.05
    assert noise_bound(flips, 1) == pytest.approx(np.sqrt(2 * 30 * np.log(40)) / 100)
