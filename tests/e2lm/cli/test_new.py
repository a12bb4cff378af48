"""A new submission is one that runs as it is, under its own name."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2lm.cli.new import begin, begin_from_table
from e2lm.project import EXAMPLE_SUBMISSIONS
from e2lm.submissions.question_table import Columns
from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.output_types.items import build_items
from e2lm_ingestion.submission.submission import open_submission
from tests.e2lm.command_line import e2lm


@pytest.mark.parametrize("example", ["science-cloze", "science-letters", "web-trivia", "noise", "real-science"])
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
    with pytest.raises(SubmissionError, match="the folder's name is the task's name too"):
        begin(tmp_path / name, "noise")
    assert not list(tmp_path.iterdir())


def quiz(folder: Path, rows: int) -> Path:
    """A table of real questions, as a spreadsheet program in Germany saves it."""
    lines = [f"Wie viel ist {i} plus {i}?;{2 * i};{2 * i + 1};{2 * i + 2}" for i in range(rows)]
    path = folder / "quiz.csv"
    path.write_text("\n".join(["Frage;Antwort;Falsch 1;Falsch 2", *lines]), encoding="utf-8-sig")
    return path


def test_a_table_becomes_a_task_that_runs_as_it_is(tmp_path: Path) -> None:
    done = e2lm("new", "my-task", "--from", quiz(tmp_path, 120), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:2] == [
        "note:   read from quiz.csv: questions in column A, right answers in B, wrong answers in C, D",
        "note:   116 questions in test.jsonl, 4 in dev.jsonl",
    ]
    with open_submission(tmp_path / "my-task") as new, open_submission(EXAMPLE_SUBMISSIONS / "science-cloze") as old:
        assert new.task == old.task.model_copy(update={"task": "my-task"})
        items = build_items(new)
    assert len(items) == 116
    assert items[0].contexts[0].endswith("Question: Wie viel ist 0 plus 0?\nAnswer:")
    assert items[0].choices[items[0].gold[0]] == "0"


@pytest.mark.parametrize(("rows", "told"), [(103, 0), (60, 40)])
def test_a_short_table_has_no_examples_and_says_what_is_missing(rows: int, told: int, tmp_path: Path) -> None:
    notes = begin_from_table(tmp_path / "my-task", quiz(tmp_path, rows), Columns(), None)
    assert notes[2:] == ([f"a submission has at least 100 questions: add {told} to the table"] if told else [])
    assert sorted(path.name for path in (tmp_path / "my-task").iterdir()) == ["task.yaml", "test.jsonl"]
    with open_submission(tmp_path / "my-task") as new:
        assert new.task.shots == 0


def test_a_bad_table_leaves_no_folder(tmp_path: Path) -> None:
    table = quiz(tmp_path, 120)
    table.write_text(table.read_text().replace("plus 7?;14;", "plus 7?;;"))
    done = e2lm("new", "my-task", "--from", table, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (
        2,
        "error: quiz.csv, B9: no right answer; fill it in, or delete the row\n",
    )
    assert not (tmp_path / "my-task").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--question", "A"], "describe a table: give it with --from TABLE"),
        (["--from", "quiz.csv", "--example", "noise"], "a task starts from one of them"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options: list[str], message: str, tmp_path: Path) -> None:
    quiz(tmp_path, 120)
    done = e2lm("new", "my-task", *options, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
