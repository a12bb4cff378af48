"""Each mistake of docs/mistakes.md, made on a copy of an example: the command line answers what the page quotes."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from e2lm.cli.main import main
from tests.docs.test_documents import source_of_messages
from tests.e2lm.command_line import EXAMPLES, PROJECT_ROOT

PAGE = (PROJECT_ROOT / "docs/mistakes.md").read_text()
TASK = Path("my-task")
COLUMNS = ("question", "a", "b", "c", "d", "answer")
Mistake = Callable[[], object]


def in_task(old: str, new: str) -> Mistake:
    """A change of task.yaml."""

    def make() -> None:
        text = (TASK / "task.yaml").read_text()
        assert old in text
        (TASK / "task.yaml").write_text(text.replace(old, new, 1))

    return make


def in_line(number: int, old: str, new: str) -> Mistake:
    """A change of a line of the data."""

    def make() -> None:
        lines = (TASK / "test.jsonl").read_text().splitlines(keepends=True)
        assert old in lines[number - 1]
        lines[number - 1] = lines[number - 1].replace(old, new)
        (TASK / "test.jsonl").write_text("".join(lines))

    return make


def documents() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (TASK / "test.jsonl").read_text().splitlines()]


def in_documents(change: Callable[[dict[str, Any]], dict[str, Any]], items: int | None = None) -> Mistake:
    """A change of every item."""

    def make() -> None:
        lines = [json.dumps(one | change(one)) + "\n" for one in documents()[:items]]
        (TASK / "test.jsonl").write_text("".join(lines))

    return make


def list_in_lines() -> None:
    (TASK / "test.jsonl").write_text(json.dumps(documents(), indent=1))


def table(
    separator: str = ",", encoding: str = "utf-8", kind: str = "csv", choices: str = '"{{[a, b, c, d]}}"'
) -> Mistake:
    """The data as a CSV file with a column for each choice."""

    def make() -> None:
        text = io.StringIO()
        rows = csv.writer(text, delimiter=separator)
        rows.writerow(COLUMNS)
        for i, one in enumerate(documents()):
            rows.writerow([one["question"] + "é" * (i == 4), *one["choices"], one["answer"]])
        (TASK / "test.csv").write_bytes(text.getvalue().encode(encoding))
        in_task("dataset_path: json", f"dataset_path: {kind}")()
        in_task("test: test.jsonl", "test: test.csv")()
        in_task('"{{choices}}"', choices)()
        in_task("    dev: dev.jsonl\n", "")()
        in_task("fewshot_split: dev\nnum_fewshot: 4", "fewshot_split: test\nnum_fewshot: 2")()

    return make


def spreadsheet() -> None:
    (TASK / "questions.xlsx").write_bytes(b"PK\x03\x04")


def moved(target: str) -> Mistake:
    def make() -> None:
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(TASK, target)

    return make


def nothing() -> None:
    """The mistake is in the command."""


CHECK = "check my-task"
MISTAKES: dict[str, tuple[Mistake, str]] = {
    "`data_files` at the beginning of the line": (
        in_task(
            "  data_files:\n    test: test.jsonl\n    dev: dev.jsonl",
            "data_files:\n  test: test.jsonl\n  dev: dev.jsonl",
        ),
        CHECK,
    ),
    "a key one space too far to the left": (in_task("    dev: dev", "   dev: dev"), CHECK),
    "a tab in front of a key": (in_task("    dev: dev", "\tdev: dev"), CHECK),
    "typographic quotes in task.yaml": (
        in_task('"Question: {{question}}\\nAnswer:"', "“Question: {{question}}”"),
        CHECK,
    ),
    "a key misspelt": (in_task("doc_to_target:", "doc_to_targt:"), CHECK),
    "a field misspelt in a template": (in_task("{{question}}", "{{qestion}}"), CHECK),
    "a field misspelt in `doc_to_target`": (in_task("doc_to_target: answer", "doc_to_target: awnser"), CHECK),
    "single braces": (in_task("{{question}}", "{question}"), CHECK),
    "choices as a list of templates": (table(choices='["{{a}}", "{{b}}", "{{c}}", "{{d}}"]'), CHECK),
    "`fewshot_split` left out": (in_task("fewshot_split: dev\n", ""), CHECK),
    "more examples than there are": (in_task("num_fewshot: 4", "num_fewshot: 10"), CHECK),
    "a metric misspelt": (in_task("metric: acc\n", "metric: acc_nrom\n"), CHECK),
    "a metric's everyday name": (in_task("metric: acc\n", "metric: accuracy\n"), CHECK),
    "a metric that there is not": (in_task("metric: acc\n", "metric: goodness\n"), CHECK),
    "a choice by its number in an expression": (
        in_task("metric: acc\n", "metric: mine\n    expression: ll[gold] - max(ll[1])\n"),
        CHECK,
    ),
    "typographic quotes in the data": (in_line(5, '"question"', "“question”"), CHECK),
    "a comma forgotten": (in_line(7, '?", ', '?" '), CHECK),
    "a comma at the end of a line": (in_line(7, "}", "},"), CHECK),
    "a brace forgotten": (in_line(7, "}", ""), CHECK),
    "a text without quotes": (in_line(7, '"What', "What"), CHECK),
    "one list, saved as .jsonl": (list_in_lines, CHECK),
    "a field misspelt in one item": (in_line(9, '"question"', '"qestion"'), CHECK),
    "answers counted from 1": (in_documents(lambda one: {"answer": one["answer"] + 1}), CHECK),
    "answers in quotes": (in_documents(lambda one: {"answer": str(one["answer"])}), CHECK),
    "choices as one text": (in_documents(lambda one: {"choices": ", ".join(one["choices"])}), CHECK),
    "50 items": (in_documents(lambda one: {}, items=50), CHECK),
    "a data file forgotten": (lambda: (TASK / "dev.jsonl").unlink(), CHECK),
    "a CSV file read as JSON": (table(kind="json"), CHECK),
    "a CSV file with semicolons": (table(separator=";"), CHECK),
    "a CSV file in the encoding of Windows": (table(encoding="cp1252"), CHECK),
    "a CSV file in UTF-16": (table(encoding="utf-16"), CHECK),
    "a spreadsheet in the folder": (spreadsheet, CHECK),
    "a folder without a task": (lambda: Path("empty").mkdir(), "check empty"),
    "a folder's name misspelt": (nothing, "check my-tsk"),
    "the file in place of its folder": (nothing, "check my-task/task.yaml"),
    "the task two folders down": (moved("a/b/my-task"), "check a"),
    "a path with a space": (moved("my task"), "check my task"),
    "a task's name with other letters": (nothing, "new Übung"),
    "a command misspelt": (nothing, "chek my-task"),
}


def rows_of(section: str) -> dict[str, str]:
    """The mistakes of a section of the page with the messages that it quotes."""
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return {
        mistake: message or plain
        for mistake, message, plain in re.findall(r"^\| (.+?) \| (?:`` (.+?) ``|`(.+?)`) \| .+ \|$", text, re.M)
    }


QUOTED = {**rows_of("In task.yaml"), **rows_of("In the data"), **rows_of("In the command")}


def test_the_page_has_these_mistakes() -> None:
    assert list(QUOTED) == list(MISTAKES)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_answered_with_what_the_page_says(
    mistake: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make, command = MISTAKES[mistake]
    shutil.copytree(EXAMPLES / "science-cloze", tmp_path / TASK)
    monkeypatch.chdir(tmp_path)
    make()
    try:
        code = main(command.split())
    except SystemExit as ended:
        code = int(ended.code or 0)
    printed = capsys.readouterr()
    if QUOTED[mistake].startswith("error:"):
        assert code == 2
        line = printed.err.splitlines()[0]
        assert re.sub(r" \(and likewise \d+ more\)$", "", line) == QUOTED[mistake]
    else:
        assert code == 0
        assert QUOTED[mistake] in re.sub(r"^(warning) +", r"\1: ", printed.out, flags=re.M).splitlines()


def test_messages_of_a_run_are_quoted_as_they_are() -> None:
    quoted = rows_of("While it runs")
    assert len(quoted) > 4
    assert [message for message in quoted.values() if message not in source_of_messages()] == []
