"""`e2lm history`: the versions of a task, what changed and what each scored."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from e2lm.cli.main import main
from e2lm_ingestion.submission.submission import open_submission
from tests.e2lm.command_line import EXAMPLES, e2lm


@pytest.fixture(scope="module")
def folder(small_suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a task that was run twice, the second time with another description, and once more as it was."""
    folder = tmp_path_factory.mktemp("history")
    task = shutil.copytree(EXAMPLES / "science-cloze", folder / "my-task")
    for change in ("", "description: 'Answer.'\n", ""):
        with (task / "task.yaml").open("a") as file:
            file.write(change)
        arguments = ("run", "my-task", "--suite", small_suite, "--out", "build/my-task", "--overwrite", "--json")
        done = e2lm(*arguments, cwd=folder, COLUMNS="200")
        assert done.returncode == 0, done.stderr
    return folder


def test_each_version_is_shown_with_its_change_and_score(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["history", "my-task"]) == 0
    text = capsys.readouterr().out
    versions = [json.loads(line) for line in (folder / "build/my-task/history.jsonl").read_text().splitlines()]
    assert len(versions) == 2, "a version that is run again is no new one"
    assert "first version" in text
    assert "+ description: 'Answer.'" in text
    score = json.loads((folder / "build/my-task/scores.json").read_text())["score"]
    assert f"{score:.4f}" in text
    assert f"{versions[1]['low']:.3f} to {versions[1]['high']:.3f}" in text


def test_in_a_narrow_terminal_every_value_keeps_its_title(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "60")
    assert main(["history", "my-task"]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 60
    assert [text.count(f"{title}: ") for title in ("version", "score", "eligible", "what changed")] == [2, 2, 2, 2]


def test_the_history_is_no_part_of_a_submission(folder: Path) -> None:
    inside = shutil.copytree(folder / "build/my-task", folder / "my-task/build/my-task")
    with open_submission(folder / "my-task") as submission:
        assert not any("history" in name for name in submission.files)
    shutil.rmtree(inside.parent)


def test_a_task_that_was_never_run_is_one_error_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["history", "my-task"]) == 2
    assert capsys.readouterr().err == (
        "error: my-task: no run of it in build/my-task; run it with e2lm run, or give the folder given as --out\n"
    )
    (tmp_path / "history.jsonl").write_text("{}\n")
    assert main(["history", str(tmp_path)]) == 2
    assert "damaged; delete it to begin a new history" in capsys.readouterr().err
