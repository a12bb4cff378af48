"""A new submission is one that runs as it is, under its own name."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2lm.cli.new import begin
from e2lm.project import EXAMPLE_SUBMISSIONS
from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.submission.submission import open_submission
from tests.e2lm.command_line import e2lm


@pytest.mark.parametrize("example", ["science-cloze", "science-letters", "web-trivia", "noise"])
def test_it_has_the_name_of_its_folder_and_the_task_of_its_example(example: str, tmp_path: Path) -> None:
    begin(tmp_path / "mine.v2", example)
    with open_submission(tmp_path / "mine.v2") as new, open_submission(EXAMPLE_SUBMISSIONS / example) as old:
        assert new.name == "mine.v2"
        assert new.task == old.task.model_copy(update={"task": "mine.v2"})


def test_the_command_ends_with_the_next_one(tmp_path: Path) -> None:
    done = e2lm("new", "my-task", cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "next:   e2lm check my-task"


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    done = e2lm("new", tmp_path)
    assert done.returncode == 2
    assert "exists already" in done.stderr


@pytest.mark.parametrize("name", ["my task", "-x", "a" * 65, "straße"])
def test_a_name_that_no_task_can_have_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(SubmissionError, match="the folder's name is also the task's name"):
        begin(tmp_path / name, "noise")
    assert not list(tmp_path.iterdir())
