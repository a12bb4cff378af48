"""Begin a submission: a folder that already runs, to be changed piece by piece."""

from __future__ import annotations

import argparse
import re
import shutil
from pathlib import Path

from e2lm.catalog import EXAMPLE_SUBMISSIONS
from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.task import NAME

HEADER = """\
# {name}: begun from the example {example}. It runs as it is.
#
# Make it yours: put your questions into test.jsonl (100 to 15,000 lines) and a few others into dev.jsonl, then change
# the prompt below until `e2lm check` shows what you mean a model to read.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `e2lm new`."""
    parser.add_argument("folder", type=Path, help="the folder to make; its name is the task's name")
    parser.add_argument(
        "--example",
        choices=sorted(path.parent.name for path in EXAMPLE_SUBMISSIONS.glob("*/task.yaml")),
        default="science-cloze",
        help="the example to begin from (default: science-cloze)",
    )
    parser.epilog = "example: e2lm new my-task\nnext:    e2lm check my-task"


def main(args: argparse.Namespace) -> int:
    """Write the folder and say what is in it."""
    begin(args.folder, args.example)
    for file in sorted(args.folder.iterdir()):
        print(f"{file}  {file.stat().st_size:,} bytes")
    print(f"next:   e2lm check {args.folder}")
    return 0


def begin(folder: Path, example: str) -> None:
    """Copy an example into a new folder, under the folder's name. Raises SubmissionError when that cannot be."""
    name = folder.resolve().name
    if not re.match(NAME, name):
        raise SubmissionError(
            f"{folder}: a task is named as its folder, with at most 64 letters, digits, - _ and . ; choose such a name"
        )
    if folder.exists():
        raise SubmissionError(f"{folder}: exists already, and nothing is overwritten; give another name")
    task = (EXAMPLE_SUBMISSIONS / example / "task.yaml").read_text(encoding="utf-8")
    body = re.sub(r"\A(#.*\n)*task: .*\n", "", task)
    try:
        shutil.copytree(EXAMPLE_SUBMISSIONS / example, folder, copy_function=shutil.copyfile)
        text = HEADER.format(name=name, example=example) + f"task: {name}\n" + body
        (folder / "task.yaml").write_text(text, encoding="utf-8")
    except OSError as error:
        raise SubmissionError(f"{folder}: cannot be written: {error.strerror}; give another folder") from None
