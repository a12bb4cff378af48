"""Groups, tags and included files, as the collection of lm-evaluation-harness has them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.task.sources import LoadedTasks, load_tasks
from tests.ingestion.submissions import plain_task

BASE = {key: value for key, value in plain_task().items() if key != "task"}


def loaded(folder: Path, **files: Mapping[str, Any]) -> LoadedTasks:
    """Write YAML files, `task` as task.yaml, and read them."""
    known = {}
    for name, keys in files.items():
        path = folder / (name if name.startswith("_") else f"{name}.yaml")
        path.write_text(yaml.safe_dump(dict(keys), sort_keys=False))
        known[path.name] = path
    return load_tasks(known)


def leaf(name: str, **keys: object) -> dict[str, Any]:
    return {**BASE, "task": name, **keys}


def names(tasks: LoadedTasks) -> list[str]:
    return [task.task for task in tasks.tasks.values()]


def test_a_group_lists_one_task_by_its_name(tmp_path: Path) -> None:
    assert names(loaded(tmp_path, task={"group": "g", "task": "a"}, a=leaf("a"))) == ["a"]


def test_a_tag_stands_for_its_tasks_in_order_of_their_names(tmp_path: Path) -> None:
    files = {"z": leaf("a", tag="both"), "y": leaf("b", tag=["other", "both"]), "x": leaf("c")}
    assert names(loaded(tmp_path, task={"group": "g", "task": ["both"]}, **files)) == ["a", "b"]


def test_groups_within_groups_are_their_tasks_each_once(tmp_path: Path) -> None:
    files = {"a": leaf("a"), "b": leaf("b"), "inner": {"group": "inner", "task": ["b", "a"]}}
    listed = ["a", "inner", {"group": "written out", "task": ["b"]}]
    with pytest.raises(SubmissionError, match="group: a task's name has letters"):
        loaded(tmp_path, task={"group": "g", "task": listed}, **files)
    listed[2] = {"group": "written-out", "task": ["b"]}
    assert names(loaded(tmp_path, task={"group": "g", "task": listed}, **files)) == ["a", "b"]


def test_a_group_sets_keys_of_its_tasks_and_a_task_in_it_its_own(tmp_path: Path) -> None:
    listed = [{"task": "a", "description": "own"}, "b", {**leaf("c"), "num_fewshot": 2}]
    group = {"group": "g", "task": listed, "description": "of all", "fewshot_split": "dev", "num_fewshot": 1}
    tasks = list(loaded(tmp_path, task=group, a=leaf("a"), b=leaf("b")).tasks.values())
    assert [(task.task, task.description, task.shots) for task in tasks] == [
        ("a", "own", 1),
        ("b", "of all", 1),
        ("c", "of all", 2),
    ]


def test_an_included_file_needs_no_ending_and_may_stand_above(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    files = {"task.yaml": "include: parts/one.yaml\n", "parts/one.yaml": "include: ../_base\ntask: one\n"}
    known = {}
    for name, text in {**files, "_base": yaml.safe_dump(BASE)}.items():
        (tmp_path / name).write_text(text)
        known[name] = tmp_path / name
    assert names(load_tasks(known)) == ["one"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..", "~/x", "absent.yaml", "C:\\x"])
def test_an_included_file_is_one_of_the_submission(tmp_path: Path, name: str) -> None:
    with pytest.raises(SubmissionError, match=r"task\.yaml: include: "):
        loaded(tmp_path, task={"include": name})


def test_a_name_that_no_file_says_is_named_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(SubmissionError, match="no file of the submission says `task: b`; they say `a`, `mine`"):
        loaded(tmp_path, task={"group": "g", "task": ["b"]}, a=leaf("a", tag="mine"))


def test_the_problems_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    files = {"a": leaf("a", doc_to_txt="x", num_fewshot="5"), "b": leaf("b", test_split="tset")}
    with pytest.raises(SubmissionError) as caught:
        loaded(tmp_path, task={"group": "g", "task": ["a", "b"]}, **files)
    assert [str(problem).split(":")[0:2] for problem in caught.value.args] == [
        ["a.yaml", " `doc_to_txt` is not a key of a task; did you mean `doc_to_text`?"],
        ["a.yaml", " num_fewshot"],
        ["b.yaml", " test_split"],
    ]
    assert str(caught.value).endswith("(and 2 more, which `e2lm check` lists)")
