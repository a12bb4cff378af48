"""Reads every task of an installed lm-evaluation-harness and counts what stands between it and a submission.

usage: python benchmarks/lm_eval_tasks.py [--list KIND | --table FILE] [--json FILE]

A task needs nothing but a data set when `task.yaml` may keep all of its keys and files: `dataset_path` and
`dataset_kwargs: data_files` are replaced, everything else stays as the harness has it. The others are counted by each
thing that stands in the way. `--list` prints the names of the tasks of one kind. Whether the meaning is the same is
measured by `python -m tests.contract.parity.both`, not here.

`--table` prints what each task needs that a file names, one a line; `lm_eval_sample.txt` has 85 well-known ones.

The JSON has `tasks`, `only_data`, `with_notes` (of those, the ones with keys without effect) and `blockers`: for each
kind the number of tasks in whose way it stands, and of those in whose way nothing else does.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.sandbox.rendering import _environment
from e2lm_ingestion.task.task import Task, task_of

_FUNCTION = "!function "  # before the name of a function, as read here
_SPLITS = ("test_split", "validation_split", "training_split", "fewshot_split")


@dataclass(frozen=True, slots=True)
class Reading:
    """One task of the harness."""

    name: str
    output_type: str
    blockers: tuple[str, ...]  # kinds; none: only data are missing
    notes: tuple[str, ...]  # keys without effect


class _Loader(yaml.CSafeLoader):
    """The harness' YAML with the names of functions in place of functions."""


_Loader.add_constructor("!function", lambda loader, node: _FUNCTION + str(loader.construct_scalar(node)))


def task_files(root: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Each file that is a task of its own, with the keys of those that it includes."""
    for path in sorted(root.glob("**/*.yaml")):
        try:
            keys = _keys(path)
        except (OSError, ValueError, yaml.YAMLError):
            continue
        if isinstance(keys.get("task"), str) and not {"group", "class"} & keys.keys() and "doc_to_target" in keys:
            yield path, keys


def _keys(path: Path, depth: int = 0) -> dict[str, Any]:
    keys = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    if not isinstance(keys, dict) or depth > 20:
        raise ValueError(path)
    included = keys.pop("include", [])
    merged: dict[str, Any] = {}
    for name in [included] if isinstance(included, str) else included:
        merged |= _keys(path.parent / name, depth + 1)
    return merged | keys


def read(keys: Mapping[str, Any]) -> Reading:
    """What stands in the way of one task after its dataset lines were replaced."""
    functions = [_kind_of_function(place) for place in _functions(keys)]
    plain = {key: _without_functions(value) for key, value in keys.items() if not _is_function(value)}
    plain.pop("dataset_name", None)
    notes: list[str] = []
    found = list(functions)
    try:
        task = task_of(plain | _local_data(keys), "task.yaml", notes)
        found += _templates(task)
        if task.output_type == "generate_until" and any(one.metric == "f1" for one in task.metric_list):
            found.append("f1 of texts, which has another meaning there")
    except SubmissionError as error:
        known = {kind.split(" ")[0] for kind in functions}
        found += [kind for kind in map(_kind_of_problem, map(str, error.args)) if kind.split(":")[0] not in known]
    kind = str(keys.get("output_type", "generate_until"))
    return Reading(str(keys["task"]), kind, tuple(dict.fromkeys(found)), tuple(notes))


def _local_data(keys: Mapping[str, Any]) -> dict[str, Any]:
    """The dataset lines of a submission. Options of a loading script go with the script."""
    config = keys.get("fewshot_config")
    own = [config.get("split")] if isinstance(config, dict) else []
    splits = [split for split in [*(keys.get(key) for key in _SPLITS), *own] if isinstance(split, str)]
    return {
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {split: f"{number}.jsonl" for number, split in enumerate(splits)}},
    }


def _is_function(value: Any) -> bool:  # noqa: ANN401 (what YAML holds)
    return isinstance(value, str) and value.startswith(_FUNCTION)


def _functions(value: Any, place: str = "") -> Iterator[str]:  # noqa: ANN401 (what YAML holds)
    """The places of functions."""
    if _is_function(value):
        yield place
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _functions(inner, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list):
        for inner in value:
            yield from _functions(inner, place)


def _without_functions(value: Any) -> Any:  # noqa: ANN401 (what YAML holds)
    if isinstance(value, dict):
        return {key: _without_functions(inner) for key, inner in value.items() if not _is_function(inner)}
    return [_without_functions(inner) for inner in value] if isinstance(value, list) else value


def _kind_of_function(place: str) -> str:
    return f"{place} is a function"


def _kind_of_problem(problem: str) -> str:
    """The problem without what is of one task alone."""
    text = re.sub(r"^task\.yaml: ", "", problem)
    text = re.sub(r"; it is .*$|\(did you mean.*$|; did you mean.*$|; it has .*$|; the keys .*$", "", text)
    return re.sub(r"\.\d+\b", "", text)[:90]


def _templates(task: Task) -> Iterator[str]:
    """Templates that the sandbox cannot read: filters or tests that it lacks."""
    environment = _environment()
    for key in ("doc_to_text", "doc_to_choice", "doc_to_target", "description", "gen_prefix"):
        value = getattr(task, key)
        if not isinstance(value, str):
            continue
        try:
            environment.from_string(value)
        except Exception as error:  # jinja2 raises several kinds
            yield f"{key}: the template cannot be read: {str(error)[:40]}"


def table(readings: list[Reading], names: list[str]) -> Iterator[str]:
    """Lines of a table of the tasks named. Raises SystemExit naming one that does not exist."""
    by_name = {one.name: one for one in readings}
    yield "| task | output type | besides the data |\n|---|---|---|"
    for name in names:
        if name not in by_name:
            raise SystemExit(f"the harness has no task {name}")
        yield f"| {name} | {by_name[name].output_type} | {_needs(by_name[name])} |"


def _needs(reading: Reading) -> str:
    places = [kind.removesuffix(" is a function") for kind in reading.blockers if kind.endswith(" is a function")]
    results = [place for place in places if place == "process_results" or place.startswith("metric_list")]
    filters = [place for place in places if place.startswith("filter_list")]
    evaluated = [place for place in places if place not in results + filters]
    others = [kind for kind in reading.blockers if not kind.endswith(" is a function") and not results]
    needs = [f"`import-lm-eval` evaluates {', '.join(evaluated)}"] if evaluated else []
    needs += ["filters of this program in place of its own"] if filters else []
    needs += [f"a metric of this program in place of {', '.join(results)}"] if results else []
    return "; ".join(needs + others) or "nothing"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--list", metavar="KIND", help="print the names of the tasks in whose way this stands")
    parser.add_argument("--table", type=Path, metavar="FILE", help="print a table of the tasks that a file names")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the counts there")
    args = parser.parse_args()
    spec = importlib.util.find_spec("lm_eval")
    if spec is None or spec.origin is None:
        raise SystemExit("lm-evaluation-harness is not installed: pip install -r requirements/lm-eval.txt")
    readings = [read(keys) for _, keys in task_files(Path(spec.origin).parent / "tasks")]
    free = [one for one in readings if not one.blockers]
    every = Counter(kind for one in readings for kind in one.blockers)
    alone = Counter(one.blockers[0] for one in readings if len(one.blockers) == 1)
    if args.list is not None:
        print("\n".join(one.name for one in readings if args.list in one.blockers))
        return
    if args.table is not None:
        print("\n".join(table(readings, args.table.read_text(encoding="utf-8").split())))
        return
    noted = sum(bool(one.notes) for one in free)
    print(f"{len(readings):,} tasks; {len(free):,} need nothing but a data set, {noted:,} of them with a note\n")
    print("| what stands in the way | tasks | of which alone |\n|---|---|---|")
    for kind, count in every.most_common(60):
        print(f"| {kind} | {count:,} | {alone[kind]:,} |")
    if args.json is not None:
        blockers = {kind: {"tasks": count, "alone": alone[kind]} for kind, count in every.most_common()}
        counts = {"tasks": len(readings), "only_data": len(free), "with_notes": noted, "blockers": blockers}
        args.json.write_text(json.dumps(counts, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
