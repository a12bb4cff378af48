"""Imports tasks of an installed lm-evaluation-harness, one command each, and prints what each command says.

usage: python benchmarks/lm_eval_import.py [--folder FOLDER] [--num-fewshot N] [NAME ...]

The tasks are those of lm_eval_sample.txt and the three winners of 2025, or the ones named. Data sets are not fetched:
lm_eval_rows.yaml has a row of each with the fields that it has on the Hub, which is written a number of times as the
parquet files of the Hub's layout. Each task goes through `e2lm import-lm-eval TASK FOLDER --data DATA` and
`e2lm check`.

Prints a table of the tasks of which something is not carried over or which are refused, without the advice to choose
another metric; exits with 1 for anything but
an accepted submission or a refusal of one line. `--folder` keeps the submissions.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from e2lm.cli.main import main as e2lm

HERE = Path(__file__).resolve().parent
ROWS = 120  # of each split
# Words of Python and its libraries, which no message has.
JARGON = ("Traceback", "Error:", "Input should", "instance of", "NoneType", "object has no", "dict", "tuple")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the commands say of one task."""

    accepted: bool
    lines: tuple[str, ...]  # what is not carried over, or why it is refused

    @property
    def is_clear(self) -> bool:
        """Whether it is accepted or refused in one line, in plain words."""
        text = " ".join(self.lines)
        return (self.accepted or len(self.lines) == 1) and not any(word in text for word in JARGON)


def write_data(name: str, source: Mapping[str, Any], folder: Path, configurations: Sequence[str]) -> Path:
    """The data set of a task in the Hub's layout: a folder for each configuration."""
    for configuration in configurations:
        (folder / name / configuration).mkdir(parents=True)
        for number, split in enumerate(source["splits"]):
            texts = [json.dumps(source["row"]).replace("{n}", str(number * ROWS + row)) for row in range(ROWS)]
            frame = pd.DataFrame([json.loads(text) for text in texts])
            frame.to_parquet(folder / name / configuration / f"{split}-00000-of-00001.parquet")
    return folder / name


def configurations_of(name: str) -> list[str]:
    """The data set's configurations that a task or the tasks of a group read."""
    from e2lm.submissions.lm_eval_import import _dataset_name, _manager, tasks_of

    manager = _manager(None)
    return list(dict.fromkeys(_dataset_name(manager, task) or "data" for task in tasks_of(manager, name)))


def imported(name: str, data: Path, folder: Path, options: Sequence[str]) -> Outcome:
    """Run both commands on one task."""
    code, said = _run(["import-lm-eval", name, str(folder), "--data", str(data), *options])
    if code:
        return Outcome(False, tuple(said.strip().splitlines()))
    lost = tuple(line.removeprefix("not imported: ") for line in said.splitlines() if line.startswith("not imported: "))
    code, said = _run(["check", str(folder)])
    return Outcome(not code, lost if not code else tuple(said.strip().splitlines()))


def _run(arguments: list[str]) -> tuple[int, str]:
    """Exit code, and what the command prints, or its traceback."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            return e2lm(arguments), said.getvalue()
        except SystemExit as error:
            return int(error.code or 0), said.getvalue()
        except Exception:
            return 1, said.getvalue() + traceback.format_exc()


def main() -> int:
    """Import each task and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="*", metavar="NAME", help="tasks or groups of lm_eval_rows.yaml")
    parser.add_argument("--folder", type=Path, help="a new folder for data and submissions (default: a temporary one)")
    parser.add_argument("--num-fewshot", metavar="N", help="passed on to e2lm import-lm-eval")
    args = parser.parse_args()
    sources = yaml.safe_load((HERE / "lm_eval_rows.yaml").read_text(encoding="utf-8"))
    options = ["--num-fewshot", args.num_fewshot] if args.num_fewshot else []
    outcomes = {}
    with tempfile.TemporaryDirectory() as temporary:
        root = args.folder or Path(temporary)
        for name in args.names or sources:
            data = write_data(name, sources[name], root / "data", configurations_of(name))
            outcomes[name] = imported(name, data, root / name, options)
            print(f"{len(outcomes)}/{len(args.names or sources)} {name}", file=sys.stderr, flush=True)
    accepted = [one for one in outcomes.values() if one.accepted]
    whole = sum(not one.lines for one in accepted)
    print(f"{len(outcomes)} tasks; {len(accepted)} accepted, {whole} of them with everything carried over\n")
    print("| task | accepted | not carried over |\n|---|---|---|")
    for name, one in outcomes.items():
        if one.lines:
            cell = "<br>".join(line.partition("; choose")[0].replace("|", "\\|") for line in one.lines)
            print(f"| {name} | {'yes' if one.accepted else 'no'} | {cell} |")
    return int(not all(one.is_clear for one in outcomes.values()))


if __name__ == "__main__":
    sys.exit(main())
