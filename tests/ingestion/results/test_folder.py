"""The results folder: complete files only, resumable, never mixed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.results.folder import ResultsFolder, empty_folder
from e2lm_ingestion.suite import Checkpoint

IDENTITY: dict[str, Any] = {
    "suite": "tiny",
    "metric": "acc",
    "engine": {"name": "vllm", "flags": "8,192 tokens a step"},
}
ARRAYS = {"item_scores": np.asarray([1, 0, 0.5], dtype=np.float32)}


@pytest.fixture
def checkpoints(tmp_path: Path) -> list[Checkpoint]:
    found = [Checkpoint("a", iteration, iteration * 10, tmp_path / f"w{iteration}") for iteration in (1, 2)]
    for checkpoint in found:
        checkpoint.path.mkdir()
        (checkpoint.path / "model.safetensors").write_bytes(b"weights")
    return found


def filled(root: Path, checkpoints: list[Checkpoint]) -> ResultsFolder:
    folder = ResultsFolder(root, IDENTITY)
    folder.begin(b"items")
    for checkpoint in checkpoints:
        folder.add(checkpoint, ARRAYS, seconds=0.1, computed_tokens=7, engine={})
    return folder


def test_a_reopened_folder_knows_what_is_finished(tmp_path: Path, checkpoints: list[Checkpoint]) -> None:
    filled(tmp_path / "results", checkpoints[:1])
    reopened = ResultsFolder(tmp_path / "results", IDENTITY)
    finished = reopened.finished(checkpoints[0])
    assert finished is not None
    assert finished.score == 0.5
    assert reopened.finished(checkpoints[1]) is None


def test_a_line_cut_short_does_not_count_and_does_not_swallow_the_next(
    tmp_path: Path, checkpoints: list[Checkpoint]
) -> None:
    root = tmp_path / "results"
    filled(root, checkpoints)
    journal = root / "progress.jsonl"
    journal.write_text(journal.read_text()[:-20])
    reopened = ResultsFolder(root, IDENTITY)
    assert reopened.finished(checkpoints[1]) is None
    reopened.begin(b"items")
    reopened.add(checkpoints[1], ARRAYS, seconds=0.1, computed_tokens=7, engine={})
    assert ResultsFolder(root, IDENTITY).finished(checkpoints[1]) is not None


@pytest.mark.parametrize("harm", ["arrays", "weights"])
def test_changed_arrays_or_weights_are_computed_again(tmp_path: Path, checkpoints: list[Checkpoint], harm: str) -> None:
    root = tmp_path / "results"
    finished = filled(root, checkpoints).finished(checkpoints[0])
    assert finished is not None
    if harm == "arrays":
        (root / finished.arrays).write_bytes(b"")
    else:
        (checkpoints[0].path / "model.safetensors").write_bytes(b"other weights")
    assert ResultsFolder(root, IDENTITY).finished(checkpoints[0]) is None


def test_results_of_another_run_are_never_mixed(tmp_path: Path, checkpoints: list[Checkpoint]) -> None:
    filled(tmp_path / "results", checkpoints)
    with pytest.raises(OrganizerError, match="another metric"):
        ResultsFolder(tmp_path / "results", {**IDENTITY, "metric": "acc_norm"})


def test_two_runs_write_the_same_bytes(tmp_path: Path, checkpoints: list[Checkpoint]) -> None:
    contents = []
    for run in ("one", "two"):
        filled(tmp_path / run, checkpoints).complete(IDENTITY, checkpoints)
        files = sorted(path for path in (tmp_path / run).rglob("*") if path.suffix in {".npz", ".json"})
        contents.append([path.read_bytes() for path in files])
    assert contents[0] == contents[1]
    assert len(contents[0]) == 4  # results.json, items.npz and two checkpoints


def test_results_json_has_a_row_per_checkpoint(tmp_path: Path, checkpoints: list[Checkpoint]) -> None:
    path = filled(tmp_path / "results", checkpoints).complete(IDENTITY, checkpoints)
    written = json.loads(path.read_text())
    assert written["schema"] == "e2lm-results/1"
    assert [(row["model"], row["iteration"], row["tokens"]) for row in written["checkpoints"]] == [
        ("a", 1, 10),
        ("a", 2, 20),
    ]


def test_the_output_folder_is_emptied_of_planted_files(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("")
    output = tmp_path / "output"
    (output / "deep").mkdir(parents=True)
    (output / "results.json").write_text("forged")
    (output / "link").symlink_to(outside)
    empty_folder(output)
    assert list(output.iterdir()) == []
    assert (outside / "kept").exists()


def test_an_engine_that_changes_during_a_run_is_recorded(tmp_path: Path, checkpoints: list[Checkpoint]) -> None:
    folder = ResultsFolder(tmp_path, IDENTITY)
    folder.begin(b"")
    halved = {"name": "vllm", "flags": "4,096 tokens a step", "kernels": "runner V1"}
    folder.add(checkpoints[0], ARRAYS, seconds=0.1, computed_tokens=7, engine=halved)
    resumed = ResultsFolder(tmp_path, IDENTITY)
    resumed.begin(b"")
    resumed.add(checkpoints[1], ARRAYS, seconds=0.1, computed_tokens=7, engine={**halved, **IDENTITY["engine"]})
    engine = json.loads(resumed.complete(IDENTITY, checkpoints).read_text())["engine"]
    assert engine == {"name": "vllm", "flags": "8,192 tokens a step; 4,096 tokens a step", "kernels": "runner V1"}
