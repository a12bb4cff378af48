"""`e2lm suite new`: names of folders and revisions as training runs have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from e2lm.cli.suite_new import _matching, _range
from e2lm.codabench.competition_yaml import read_competition
from e2lm.runs.single import equal_checkpoints
from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.suite import Model, load_suite
from e2lm_scoring.inputs.results import CheckpointRow
from tests.e2lm.command_line import e2lm

OLMO = [
    "main",
    "stage1-step0-tokens0B",
    "stage1-step1000-tokens3B",
    "stage1-step101000-tokens424B",
    "stage2-step1000-x",
]


def test_revisions_are_found_by_their_names() -> None:
    found = _matching(OLMO, "stage1-step{iteration}-tokens{tokens}B", "allenai/OLMo", None)
    assert found == {1000: "stage1-step1000-tokens3B", 101000: "stage1-step101000-tokens424B"}
    assert list(_matching(OLMO, "stage1-step{iteration}-*", "allenai/OLMo", "1000")) == [1000]
    with pytest.raises(OrganizerError, match="are both iteration 1000"):
        _matching(OLMO, "*step{iteration}*", "allenai/OLMo", None)
    with pytest.raises(OrganizerError, match="no revision of allenai/OLMo is named so; there are main, stage1"):
        _matching(OLMO, "ckpt{iteration}*", "allenai/OLMo", None)


def test_iterations_are_ranges_and_numbers_without_the_untrained_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert _range("0,1,2,4,8:16:4") == [1, 2, 4, 8, 12, 16]
    assert capsys.readouterr().out == "left out: iteration 0, the untrained model\n"
    for wrong in ("", "a", "1:2", "1:5:0"):
        with pytest.raises(OrganizerError, match="--iterations: give START:STOP:STEP"):
            _range(wrong)


def folders(root: Path, *names: str) -> None:
    for name in names:
        (root / "run" / name).mkdir(parents=True)
        (root / "run" / name / "config.json").write_text("{}")


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (["step-0500", *(f"step-{n}" for n in range(1000, 4000, 500)), "step-10000"], "step-{iteration:04d}"),
        ([*(f"checkpoint-{n}" for n in range(500, 4500, 500)), "final"], "checkpoint-{iteration}"),
        ([f"step{2**n}" for n in range(10)], "step{iteration}"),
    ],
)
def test_folders_of_mixed_width_or_with_a_last_one_are_a_series(names: list[str], pattern: str, tmp_path: Path) -> None:
    folders(tmp_path, *names)
    done = e2lm("suite", "new", tmp_path / "mine", "run", "--tokens-per-step", "4096", E2LM_CHECKPOINTS=str(tmp_path))
    assert done.returncode == 0, done.stderr
    model = load_suite(tmp_path / "mine/suite.yaml").models[0]
    assert model.checkpoint == pattern
    assert all((tmp_path / "run" / pattern.format(iteration=one)).is_dir() for one in model.iterations)


def test_the_folder_that_is_named_otherwise_is_named(tmp_path: Path) -> None:
    folders(tmp_path, "step-1", "step-2", "iter_3")
    done = e2lm("suite", "new", tmp_path / "mine", "run", "--tokens-per-step", "4096", E2LM_CHECKPOINTS=str(tmp_path))
    assert "not named alike (iter_3 beside the others)" in done.stderr


def test_a_table_of_revisions_has_one_for_each_iteration() -> None:
    keys: dict[str, Any] = {
        "id": "m",
        "size": "1B",
        "architecture": "a",
        "mixture": "b",
        "source": "org/m",
        "iterations": [1, 2],
    }
    model = Model(**keys, revisions={1: "one", 2: "two"})
    assert (model.revision_of(2), model.has_revisions) == ("two", True)
    with pytest.raises(ValueError, match="none for iteration 2"):
        Model(**keys, revisions={1: "one"})


def test_a_date_that_does_not_exist_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "suite.yaml").write_text("suite: 2025-02-30\nversion: 1\n")
    with pytest.raises(OrganizerError, match=r"suite\.yaml: not YAML: day .*; put a text that looks"):
        load_suite(tmp_path / "suite.yaml")
    with pytest.raises(OrganizerError, match=r"competition\.yaml: not YAML: day"):
        read_competition("title: 2025-02-30\n")


def test_checkpoints_that_answer_alike_are_named() -> None:
    (line,) = equal_checkpoints(
        CheckpointRow(
            model="m", iteration=one, tokens=one, score=0.5, items=10, arrays="m.npz", sha256="ab"[one > 2000]
        )
        for one in (1000, 2000, 3000)
    )
    assert line.startswith("m: the checkpoints at iterations 1,000, 2,000 answer all items alike")
