"""Output of lighteval and olmes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from e2lm.signal import load_curves
from e2lm_ingestion.errors import OrganizerError


def lighteval_file(folder: Path, step: int, score: float, **general: Any) -> None:  # noqa: ANN401
    content = {
        "config_general": {"lighteval_sha": "203045a", "max_samples": None, "model_name": "org/tiny", **general},
        "results": {
            "leaderboard|arc:easy|5": {"acc": score, "acc_stderr": 0.01, "ppl": 3.0},
            "all": {"acc": score, "acc_stderr": 0.01},
        },
        "versions": {"leaderboard|arc:easy|5": 0},
        "config_tasks": {
            "leaderboard|arc:easy": {
                "metric": [{"metric_name": "acc", "higher_is_better": True}],
                "effective_num_docs": 500,
            }
        },
    }
    path = folder / f"results/org/tiny/results_2025-01-01T00-00-{step // 1000:02}.000001.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def test_lighteval_s_results_are_read(tmp_path: Path) -> None:
    for number in range(1, 4):
        config = {"model_name": "org/tiny", "revision": f"step-{number}000"}
        lighteval_file(tmp_path, 1000 * number, 0.3, model_config=config)
    curves = load_curves(tmp_path)
    assert set(curves["benchmark"]) == {"leaderboard|arc:easy"}
    accuracy = curves[curves["metric"] == "acc"]
    assert accuracy["step"].tolist() == [1000, 2000, 3000]
    row = accuracy.iloc[0]
    assert (row["model"], row["items"], row["shots"], row["stderr"]) == ("org/tiny", 500, "5", 0.01)
    assert not curves.loc[curves["metric"] == "ppl", "higher_is_better"].any()


def test_lighteval_on_nanotron_names_the_step_in_its_configuration(tmp_path: Path) -> None:
    lighteval_file(tmp_path, 7000, 0.3, config={"general": {"run": "tiny", "step": 7000}})
    assert set(load_curves(tmp_path)["step"]) == {7000}


def olmes_task(step: int, score: float) -> dict[str, Any]:
    return {
        "task_name": "arc_challenge",
        "task_hash": "a",
        "model_hash": "b",
        "model_config": {"model": "olmo-1b", "revision": f"step{step}-tokens{step // 1000}B", "model_path": None},
        "task_config": {"num_shots": 5, "limit": None, "metadata": {"alias": "arc_challenge:rc::olmes"}, "version": 0},
        "current_date": "2025-08-06 16:26:22 UTC",
        "num_instances": 1172,
        "metrics": {"acc_raw": score, "acc_per_char": score, "bits_per_byte_corr": 2.0, "primary_score": score},
        "task_idx": 0,
    }


@pytest.mark.parametrize("form", ["each", "lines", "both"])
def test_olmes_metrics_are_read_once(tmp_path: Path, form: str) -> None:
    for number in range(1, 4):
        folder = tmp_path / f"run-{number}"
        folder.mkdir()
        content = olmes_task(1000 * number, 0.3)
        if form != "lines":
            (folder / "task-000-arc_challenge-metrics.json").write_text(json.dumps(content))
        if form != "each":
            (folder / "metrics-all.jsonl").write_text(json.dumps(content) + "\n")
        (folder / "metrics.json").write_text(json.dumps({"all_primary_scores": [], "metrics": [], "model_config": {}}))
    curves = load_curves(tmp_path)
    assert curves.attrs["notes"] == []
    primary = curves[curves["metric"] == "primary_score"]
    assert primary["step"].tolist() == [1000, 2000, 3000]
    assert primary["tokens"].tolist() == [1e9, 2e9, 3e9]
    row = primary.iloc[0]
    assert (row["model"], row["benchmark"], row["items"]) == ("olmo-1b", "arc_challenge:rc::olmes", 1172)
    assert not curves.loc[curves["metric"] == "bits_per_byte_corr", "higher_is_better"].any()


def test_a_cut_line_of_olmes_is_named(tmp_path: Path) -> None:
    path = tmp_path / "metrics-all.jsonl"
    path.write_text(json.dumps(olmes_task(1000, 0.3)) + "\n" + json.dumps(olmes_task(2000, 0.3))[:50])
    with pytest.raises(OrganizerError, match="line 2: not JSON, or cut short"):
        load_curves(tmp_path)
