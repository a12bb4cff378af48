"""Which items the judge reads, and that nothing in a submission chooses them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from e2lm.submissions.judging.sampling import influences_of, sample, seed_of
from e2lm.submissions.judging.verdicts import Answer
from e2lm.suites.registry import SUITES
from e2lm_ingestion.submission.submission import open_submission
from e2lm_scoring.inputs.configuration import load_configuration
from tests.e2lm.command_line import EXAMPLES

ALIKE = np.ones(1000)
CONFIGURATION = load_configuration(SUITES["miniature"].scoring)


def test_a_larger_sample_holds_the_smaller_one_and_another_seed_draws_others() -> None:
    assert sample(ALIKE, 200, 7).items[:50] == sample(ALIKE, 50, 7).items
    assert len(set(sample(ALIKE, 200, 7).items)) == 200
    assert len({sample(ALIKE, 50, seed).items for seed in range(20)}) == 20
    assert sorted(sample(np.ones(30), 50, 7).items) == list(range(30))


@pytest.mark.parametrize("seed", range(5))
def test_half_is_drawn_by_influence(seed: int) -> None:
    carrying = np.where(np.arange(232) % 15 == 0, 1.0, 1e-6)  # 16 of 232 items
    drawn = sample(carrying, 50, seed)
    assert len(drawn.items) == 50
    assert set(drawn.by_influence) <= set(drawn.items)
    assert all(item % 15 == 0 for item in drawn.by_influence)
    assert len(set(drawn.by_influence)) >= 10


def test_items_without_influence_are_drawn_alike() -> None:
    assert len(sample(np.zeros(100), 50, 3).items) == 50


def test_the_seed_is_given_recorded_or_drawn() -> None:
    recorded = [Answer(0, "0" * 64, "m", "schema", "{}", "accept", "", None, seed=seed) for seed in (None, 12, None)]
    assert seed_of(5, recorded) == 5
    assert seed_of(None, recorded) == 12
    assert len({seed_of(None, []) for _ in range(10)}) == 10


def test_names_and_content_choose_nothing(tmp_path: Path) -> None:
    """The influences of a copy under other names and with another comment are the same, and so is the sample."""
    copy = shutil.copytree(EXAMPLES / "science-cloze", tmp_path / "zzz")
    (copy / "test.jsonl").rename(copy / "other.jsonl")
    task = yaml.safe_load((copy / "task.yaml").read_text())
    task["dataset_kwargs"]["data_files"]["test"] = "other.jsonl"
    (copy / "task.yaml").write_text(yaml.safe_dump(task) + "# ground until the digest pleases\n")
    found = []
    for folder in (EXAMPLES / "science-cloze", copy):
        with open_submission(folder) as submission:
            found.append(sample(influences_of(submission, None, CONFIGURATION), 50, 9))
    assert found[0] == found[1]
