"""The table of other metrics is what rescoring to each metric would give."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from e2lm_ingestion.results.rescoring import rescore
from e2lm_scoring.scores import evaluate
from tests.e2lm.run_folders import metrics_of


def test_each_row_is_what_rescoring_gives(small_run: Path, small_suite: Path, tmp_path: Path) -> None:
    scoring = small_suite.parent / "scoring.yaml"
    rows = {name: row for row in metrics_of(small_run, scoring) for name in (row.metric, *row.same)}
    assert {"acc", "acc_norm", "correct_prob", "brier_score", "logprob_margin_per_char"} <= rows.keys()
    assert "acc_mutual_info" not in rows, "its log-likelihoods were not kept"
    assert "f1" not in rows, "it is of two choices"
    for name in ("acc", "correct_prob", "brier_score"):
        rescore(small_run / "results", name, tmp_path / name)
        scores = evaluate(tmp_path / name, scoring).scores
        row = rows[name]
        assert row.ranked == pytest.approx(scores["score"], abs=1e-6)
        assert row.sq_held_out == pytest.approx(scores["sq_held_out"], abs=1e-6)
        assert row.contrast_z == pytest.approx(scores["contrast_z"], abs=1e-4)
        assert row.label_share == pytest.approx(scores["label_share"], abs=1e-6)
        assert row.eligible == bool(scores["eligible"])


def test_the_task_s_own_metric_is_marked_and_eligible_ones_come_first(small_run: Path, small_suite: Path) -> None:
    rows = metrics_of(small_run, small_suite.parent / "scoring.yaml")
    assert [row.metric for row in rows if row.is_own] == ["acc"]
    ranked = [(not row.eligible, -row.ranked) for row in rows]
    assert ranked == sorted(ranked)
    own = next(row for row in rows if row.is_own)
    assert own.ranked == pytest.approx(json.loads((small_run / "scores.json").read_text())["score"], abs=1e-6)
