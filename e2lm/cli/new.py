"""Start a submission: a folder that runs as it is, for the participant to change."""

from __future__ import annotations

import argparse
import re
import shutil
from pathlib import Path

from e2lm.project import EXAMPLE_SUBMISSIONS
from e2lm_ingestion.errors import SubmissionError, naming
from e2lm_ingestion.task.task import NAME

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
        default="science-cloze",
        help="the example to start from (default: science-cloze)",
    )
    parser.epilog = "example: e2lm new my-task\nnext:    e2lm check my-task"


def main(args: argparse.Namespace) -> int:
    """Write the folder and list its files."""
    begin(args.folder, args.example)
    for file in sorted(args.folder.iterdir()):
        print(f"{file}  {file.stat().st_size:,} bytes")
    print(f"next:   e2lm check {args.folder}")
    return 0


def begin(folder: Path, example: str) -> None:
    """Copy an example into a new folder and name the task after it. Raises SubmissionError if that is not possible."""
    name = folder.resolve().name
    if not re.match(NAME, name):
        raise SubmissionError(
            f"{folder}: the folder's name is also the task's name: use at most 64 letters, digits, - _ and ."
        )
    if folder.exists():
        raise SubmissionError(f"{folder}: exists already, and nothing is overwritten; give another name")
    files = {path.name: path.read_bytes() for path in (EXAMPLE_SUBMISSIONS / example).iterdir() if path.is_file()}
    body = re.sub(r"\A(#.*\n)*task: .*\n", "", files["task.yaml"].decode("utf-8"))
    files["task.yaml"] = (HEADER.format(name=name, example=example) + f"task: {name}\n" + body).encode("utf-8")
    folder.mkdir(parents=True)
    try:
        for file, content in files.items():
            with naming(folder / file):
                (folder / file).write_bytes(content)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)  # a partial folder would block the next attempt
        raise
