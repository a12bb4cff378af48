"""The folders of many submissions: a name for each, found again."""

from __future__ import annotations

import json
from pathlib import Path

from e2lm.runs.batch import name_of


def test_submissions_of_one_name_are_told_apart_and_find_their_folders_again(tmp_path: Path) -> None:
    first = name_of(Path("a/task.zip"), "1" * 64, tmp_path, set())
    second = name_of(Path("b/task.zip"), "2" * 64, tmp_path, {first})
    same = name_of(Path("c/task.zip"), "2" * 64, tmp_path, {first, second})
    assert (first, second, same) == ("task", "task-22222222", "task-22222222-2")
    journal = tmp_path / "task/results/progress.jsonl"
    journal.parent.mkdir(parents=True)
    journal.write_text(json.dumps({"submission": {"sha256": "1" * 64}}) + "\n")
    assert name_of(Path("b/task.zip"), "2" * 64, tmp_path, set()) == "task-22222222"
    assert name_of(Path("a/task.zip"), "1" * 64, tmp_path, {"task-22222222"}) == "task"


def test_a_name_is_never_a_path(tmp_path: Path) -> None:
    assert name_of(Path("../..zip"), "1" * 64, tmp_path, set()).strip(".") != ""
    assert "/" not in name_of(Path("x y\n.zip"), "1" * 64, tmp_path, set())
