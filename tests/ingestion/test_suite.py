"""suite.yaml, the token schedule, and checkpoints that are missing or damaged."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.suite import Checkpoint, TokenSchedule, checkpoints_of, engine_groups, load_suite, verify_checkpoint

SUITE = """
suite: tiny
version: 3
context_length: 64
tokens: {sequence_length: 4096, batch_size_rampup: [256, 256, 4882812], global_batch_size: 1024}
models:
  - {id: a, size: 1M, architecture: arch1, mixture: science, source: org/a,
     iterations: [{start: 4000, stop: 12000, step: 4000}, 56000]}
"""


def write_suite(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "suite.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("iteration", "billions"), [(4000, 4.194304), (8000, 10.110550), (12000, 21.442762), (56000, 205.992138)]
)
def test_tokens_are_the_published_ones(iteration: int, billions: float) -> None:
    # Source: the organizers' starting kit, sequence length 4,096, batch 256 -> 1,024 over 4,882,812 samples.
    schedule = TokenSchedule(sequence_length=4096, global_batch_size=1024, batch_size_rampup=(256, 256, 4882812))
    assert schedule.tokens_at(iteration) / 1e9 == pytest.approx(billions, abs=5e-7)


def test_tokens_without_a_rampup_are_a_product() -> None:
    assert TokenSchedule(sequence_length=64, global_batch_size=8).tokens_at(10) == 64 * 8 * 10


def test_checkpoints_are_in_order_of_training_under_their_source(tmp_path: Path) -> None:
    checkpoints = checkpoints_of(load_suite(write_suite(tmp_path, SUITE)), tmp_path)
    assert [c.iteration for c in checkpoints] == [4000, 8000, 12000, 56000]
    assert checkpoints[0].path == tmp_path / "org/a/iter_0004000"


@pytest.mark.parametrize(
    ("old", "new", "location"),
    [
        ("version: 3", "version: 3\ncolour: red", "colour"),
        ("stop: 12000", "stop: 12001", "iterations"),
        ("56000]", "4000]", "iterations"),
        ("56000]", "true]", "iterations"),
        ("source: org/a", "source: ../a", "source"),
        ("id: a", "id: a/b", "id"),
    ],
)
def test_a_wrong_suite_names_the_file_and_the_key(tmp_path: Path, old: str, new: str, location: str) -> None:
    path = write_suite(tmp_path, SUITE.replace(old, new))
    with pytest.raises(OrganizerError, match=rf"suite\.yaml: .*{location}"):
        load_suite(path)


def make_checkpoint(folder: Path, config: str = "{}") -> Checkpoint:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(config)
    (folder / "tokenizer.json").write_text("{}")
    save_file({"w": np.zeros((4, 4), dtype=np.float32)}, folder / "model.safetensors")
    return Checkpoint(folder.parent.name, 4000, 1, folder)


@pytest.mark.parametrize("content", ["", "a text", "[1, 2]"])
def test_a_suite_without_keys_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "suite.yaml"
    path.write_text(content)
    with pytest.raises(OrganizerError, match=r"suite.yaml: holds no keys"):
        load_suite(path)


def test_a_whole_checkpoint_passes(tmp_path: Path) -> None:
    verify_checkpoint(make_checkpoint(tmp_path / "a/iter"))


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    checkpoint = make_checkpoint(tmp_path / "a/iter")
    (checkpoint.path / name).unlink()
    with pytest.raises(OrganizerError, match=f"{name}: missing"):
        verify_checkpoint(checkpoint)


@pytest.mark.parametrize("size", [0, 5, 40, -1])
def test_truncated_weights_are_noticed_before_the_sweep(tmp_path: Path, size: int) -> None:
    checkpoint = make_checkpoint(tmp_path / "a/iter")
    weights = checkpoint.path / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:size])
    with pytest.raises(OrganizerError, match=r"model\.safetensors: truncated"):
        verify_checkpoint(checkpoint)


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    checkpoint = make_checkpoint(tmp_path / "a/iter")
    index = {"weight_map": {"w": "model.safetensors", "v": "model-2.safetensors"}}
    (checkpoint.path / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(OrganizerError, match=r"model-2\.safetensors: missing"):
        verify_checkpoint(checkpoint)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"weight_map": 3}', '{"weight_map": {"w": 3}}', '{"weight_map": {"w": 1, "v": ""}}']
)
def test_a_damaged_list_of_shards_is_named(tmp_path: Path, content: str) -> None:
    checkpoint = make_checkpoint(tmp_path / "a/iter")
    (checkpoint.path / "model.safetensors.index.json").write_text(content)
    with pytest.raises(OrganizerError, match=r"model\.safetensors\.index\.json: damaged"):
        verify_checkpoint(checkpoint)


def test_an_engine_group_shares_config_and_tokenizer(tmp_path: Path) -> None:
    one = make_checkpoint(tmp_path / "a/iter", '{"layers": 1}')
    other = make_checkpoint(tmp_path / "b/iter", '{"layers": 2}')
    same = make_checkpoint(tmp_path / "c/iter", '{"layers": 1}')
    assert list(engine_groups([one, other, same])) == [[one, same], [other]]
