"""Start a submission, from an example or from a table of questions: a folder that runs as it is."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from e2lm.project import EXAMPLE_SUBMISSIONS
from e2lm.submissions.question_table import Columns, QuestionTable, read_question_table
from e2lm_ingestion.errors import SubmissionError, naming
from e2lm_ingestion.output_types.items import MIN_ITEMS
from e2lm_ingestion.task.task import NAME

TABLE_HEADER = """\
# {name}: made from {table}. It runs as it is.
#
# Each line of test.jsonl is a row of the table, with its choices in alphabetical order.{shots} Change the prompt below
# until `e2lm check` shows what you want a model to read.
"""
TABLE_SHOTS = """ {shots} rows, evenly spaced,
# are the few-shot examples in dev.jsonl."""
TABLE_NO_SHOTS = """ There are too few rows
# for few-shot examples; set num_fewshot when dev.jsonl has some."""
EXAMPLE_TASK = "science-cloze"  # its prompt, with the answers' words, is also that of a table
SHOTS = 4
HEADER = """\
# {name}: started from the example {example}. It runs as it is.
#
# To make it yours, put your questions into test.jsonl (100 to 15,000 lines) and a few others into dev.jsonl, then
# change the prompt below until `e2lm check` shows the prompt that you want a model to read.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `e2lm new`."""
    parser.add_argument("folder", type=Path, help="the folder to make; its name is the task's name")
    parser.add_argument(
        "--example",
        choices=sorted(path.parent.name for path in EXAMPLE_SUBMISSIONS.glob("*/task.yaml")),
        help=f"the example to start from (default: {EXAMPLE_TASK})",
    )
    table = parser.add_argument_group(
        "questions of your own", "A row for each question; columns are recognised by their headers, or named here."
    )
    table.add_argument(
        "--from", dest="table", type=Path, metavar="TABLE", help=".xlsx (needs openpyxl), .csv or .tsv with questions"
    )
    table.add_argument("--question", metavar="COLUMN", default="", help="header or letter of the questions' column")
    table.add_argument(
        "--answer",
        metavar="COLUMN",
        default="",
        help="of the right answers: texts, or letters or numbers of the choices",
    )
    table.add_argument(
        "--wrong",
        metavar="COLUMN",
        action="append",
        default=[],
        help="of wrong answers, once for each column; a single one may hold several with ; or | between them",
    )
    table.add_argument(
        "--choices",
        metavar="COLUMN",
        action="append",
        default=[],
        help="of all choices, the right one among them, likewise",
    )
    table.add_argument("--sheet", metavar="NAME", help="the sheet of an .xlsx file that has several")
    parser.epilog = (
        "examples: e2lm new my-task\n"
        "          e2lm new my-task --from questions.xlsx\n"
        "          e2lm new my-task --from quiz.csv --question Aufgabe --answer C --wrong D --wrong E\n"
        "next:     e2lm check my-task"
    )


def main(args: argparse.Namespace) -> int:
    """Write the folder and list its files."""
    if args.table is None:
        if args.question or args.answer or args.wrong or args.choices or args.sheet:
            raise SubmissionError(
                "--question, --answer, --wrong, --choices and --sheet describe a table: give it with --from TABLE"
            )
        begin(args.folder, args.example or EXAMPLE_TASK)
    else:
        if args.example:
            raise SubmissionError("--example and --from: a task starts from one of them; leave the other out")
        columns = Columns(args.question, args.answer, tuple(args.wrong), tuple(args.choices))
        for note in begin_from_table(args.folder, args.table, columns, args.sheet):
            print(f"note:   {note}")
    for file in sorted(args.folder.iterdir()):
        print(f"{file}  {file.stat().st_size:,} bytes")
    print(f"next:   e2lm check {shlex.quote(str(args.folder))}")
    return 0


def begin(folder: Path, example: str) -> None:
    """Copy an example into a new folder and name the task after it. Raises SubmissionError if that is not possible."""
    name = _new_name(folder)
    files = {path.name: path.read_bytes() for path in (EXAMPLE_SUBMISSIONS / example).iterdir() if path.is_file()}
    files["task.yaml"] = _task_yaml(example, HEADER.format(name=name, example=example), name).encode("utf-8")
    _write(folder, files)


def begin_from_table(folder: Path, path: Path, columns: Columns, sheet: str | None) -> list[str]:
    """Make a task of a table of questions in a new folder; returns how the table was read, a line each.

    Raises SubmissionError that names the cell.
    """
    name = _new_name(folder)
    table = read_question_table(path, columns, sheet)
    count = len(table.questions)
    shots = SHOTS if count >= MIN_ITEMS + SHOTS else 0
    examples = {(2 * i + 1) * count // (2 * SHOTS) for i in range(shots)}
    how = (TABLE_SHOTS if shots else TABLE_NO_SHOTS).format(shots=shots)
    header = TABLE_HEADER.format(name=name, table=path.name if path.name.isprintable() else "a table", shots=how)
    task = _task_yaml(EXAMPLE_TASK, header, name)
    files = {"test.jsonl": _lines(table, set(range(count)) - examples)}
    if shots:
        files["dev.jsonl"] = _lines(table, examples)
    else:
        task = re.sub(r"^(    dev: .*|fewshot_split: .*|fewshot_config:|  sampler: .*)\n", "", task, flags=re.MULTILINE)
        task = re.sub(r"^num_fewshot: .*$", "num_fewshot: 0", task, flags=re.MULTILINE)
        task = task.replace("; `dev` provides the few-shot examples of the prompt", "")
    _write(folder, {**files, "task.yaml": task.encode("utf-8")})
    notes = [*table.notes, f"{count - shots:,} questions in test.jsonl, {shots} in dev.jsonl"]
    if count < MIN_ITEMS:
        notes.append(f"a submission has at least {MIN_ITEMS} questions: add {MIN_ITEMS - count} to the table")
    return notes


def _lines(table: QuestionTable, numbers: set[int]) -> bytes:
    chosen = (table.questions[number] for number in sorted(numbers))
    return "".join(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in chosen).encode("utf-8")


def _task_yaml(example: str, header: str, name: str) -> str:
    """The example's task with another header and name."""
    task = (EXAMPLE_SUBMISSIONS / example / "task.yaml").read_text(encoding="utf-8")
    return header + f"task: {name}\n" + re.sub(r"\A(#.*\n)*task: .*\n", "", task)


def _new_name(folder: Path) -> str:
    name = folder.resolve().name
    if not re.match(NAME, name):
        raise SubmissionError(
            f"{folder}: the folder's name is the task's name too: use at most 64 letters from a to z, digits, - _ and ."
        )
    if folder.exists():
        raise SubmissionError(f"{folder}: exists already, and nothing is overwritten; give another name")
    return name


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.mkdir(parents=True)
    try:
        for file, content in files.items():
            with naming(folder / file):
                (folder / file).write_bytes(content)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)  # a partial folder would block the next attempt
        raise
