"""Begin a submission: a folder that already runs, to be changed piece by piece."""

from __future__ import annotations

import argparse
import re
import shutil
from pathlib import Path

from e2lm.project import EXAMPLE_SUBMISSIONS
from e2lm_ingestion.errors import SubmissionError, naming
from e2lm_ingestion.task.task import NAME

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
    """Copy an example into a new folder, under the folder's name. Raises SubmissionError where one cannot be."""
    name = folder.resolve().name
    if not re.match(NAME, name):
        raise SubmissionError(
            f"{folder}: a task is named as its folder, with at most 64 letters, digits, - _ and . ; choose such a name"
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
        shutil.rmtree(folder, ignore_errors=True)  # half a submission would be in the way of the next try
        raise
