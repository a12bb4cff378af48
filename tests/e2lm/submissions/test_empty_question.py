"""The control experiment: a copy of a submission whose questions are empty, and nothing else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from e2lm.submissions.empty_question import empty_question
from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.output_types.items import build_items
from e2lm_ingestion.submission.submission import open_submission
from tests.e2lm.command_line import EXAMPLES, e2lm

CLOZE = EXAMPLES / "science-cloze"


def first_context(path: Path) -> str:
    with open_submission(path) as submission:
        return build_items(submission)[0].contexts[0]


def test_question_and_examples_are_emptied_and_answers_stay(tmp_path: Path) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / "task"), "zip", CLOZE))
    for given in (CLOZE, archive):
        with empty_question(given) as folder:
            context = first_context(folder)
            with open_submission(folder) as control, open_submission(given) as own:
                assert control.name == "science-cloze-empty-question"
                assert control.task.metric_list == own.task.metric_list
                assert [item.choices for item in build_items(control)] == [item.choices for item in build_items(own)]
        assert "Question" in first_context(given)
        assert "What is" not in context
        assert len(context.split("\n\n")) == 5, "the answers of four examples, and the place for the item's"


def test_a_group_is_emptied_in_every_file_and_in_tasks_written_out(tmp_path: Path) -> None:
    task = yaml.safe_load((CLOZE / "task.yaml").read_text())
    for name in ("test.jsonl", "dev.jsonl"):
        shutil.copy(CLOZE / name, tmp_path)
    (tmp_path / "base.yaml").write_text(yaml.safe_dump({**task, "task": "one"}))
    written_out = {**task, "task": "two", "doc_to_text": "{{question}}"}
    (tmp_path / "task.yaml").write_text(yaml.safe_dump({"group": "both", "task": ["one", written_out]}))
    with empty_question(tmp_path) as folder, open_submission(folder) as control:
        assert control.name == "both-empty-question"
        assert [task.doc_to_text for task in control.tasks.values()] == ["", ""]


def test_what_is_no_submission_is_refused_as_everywhere(tmp_path: Path) -> None:
    with pytest.raises(SubmissionError, match="no such file"), empty_question(tmp_path / "nowhere"):
        pass


def test_an_honest_task_fails_without_its_questions(small_suite: Path, tmp_path: Path) -> None:
    done = e2lm("run", CLOZE, "--suite", small_suite, "--empty-question", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    scores = json.loads(done.stdout)
    assert scores["task"] == "science-cloze-empty-question"
    assert not scores["eligible"]
    assert abs(scores["scores"]["contrast_z"]) < 3
    (folder,) = (tmp_path / "build").iterdir()
    assert folder.name.endswith("-empty-question") or "-empty-question-" in folder.name
    assert (folder / "detailed_results.html").is_file()
