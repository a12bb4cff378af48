"""Imports tasks and groups of an installed lm-evaluation-harness, with local data files, as submissions."""

from __future__ import annotations

import importlib.util
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from e2lm.submissions.lm_eval_task import write_task
from e2lm.terminal.progress import progress_bar
from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.task.task import EXTENSIONS as EXTENSIONS_OF_KIND

if TYPE_CHECKING:
    from lm_eval.api.task import ConfigurableTask
    from lm_eval.tasks import TaskManager

EXTENSIONS = {extension: kind for kind, own in EXTENSIONS_OF_KIND.items() for extension in own}


def import_task(
    named: str,
    folder: Path,
    *,
    data: Sequence[str],
    include_path: Path | None,
    shots: int | None,
    limit: int,
    metrics: list[dict[str, Any]] | None = None,
) -> list[str]:
    """Write the task, or each task of the group, and return the parts that could not be imported, a line each.

    `metrics`, as in metric_list, replace those of the tasks.
    """
    manager = _manager(include_path)
    names = tasks_of(manager, named)
    if names == [named]:
        task = _loaded(manager, named, data_files(data, _dataset_name(manager, named)))
        return write_task(task, folder, shots=shots, limit=limit, metrics=metrics)
    lost: dict[str, None] = {}
    metric = ""
    with progress_bar(named) as update:
        for done, name in enumerate(names, start=1):
            task = _loaded(manager, name, data_files(data, _dataset_name(manager, name)))
            file = f"{name}.yaml"
            own = write_task(task, folder, shots=shots, limit=limit, metrics=metrics, file=file, prefix=f"{name}-")
            lost |= dict.fromkeys(own)
            metric = metric or yaml.safe_load((folder / file).read_text(encoding="utf-8"))["metric_list"][0]["metric"]
            update(done, len(names), name)
    mean = {"metric": metric, "aggregation": "mean", "weight_by_size": True}
    group = {"group": named, "task": names, "aggregate_metric_list": [mean]}
    (folder / "task.yaml").write_text(yaml.safe_dump(group, sort_keys=False), encoding="utf-8")
    return list(lost)


def data_files(given: Sequence[str], dataset_name: str | None) -> dict[str, list[Path]]:
    """The files of each split. Raises OrganizerError naming a missing file or folder.

    In a folder, the subfolder `dataset_name` (the data set's configuration) is preferred if it exists; a file's name
    begins with its split, as in test-00000-of-00001.parquet.
    """
    files: dict[str, list[Path]] = {}
    for text in given:
        split, _, name = text.rpartition("=")
        if split:
            path = Path(name)
            if path.suffix.lower() not in EXTENSIONS:
                raise OrganizerError(f"--data {text}: write SPLIT=FILE with a {', '.join(EXTENSIONS)} file")
            if not path.is_file():
                raise OrganizerError(f"--data {text}: there is no such file")
            files.setdefault(split, []).append(path.resolve())
            continue
        if not Path(name).is_dir():
            raise OrganizerError(f"--data {text}: there is no such folder; a single file is given as SPLIT=FILE")
        for path in _files_in(Path(name), dataset_name):
            files.setdefault(re.split(r"[-.]", path.name)[0], []).append(path.resolve())
    if len({EXTENSIONS[path.suffix.lower()] for paths in files.values() for path in paths}) > 1:
        raise OrganizerError("--data: the files of one task are of one kind: json, csv or parquet")
    return files


def _files_in(folder: Path, dataset_name: str | None) -> list[Path]:
    for candidate in (folder / (dataset_name or "data"), folder / "data", folder):
        found = sorted(path for path in candidate.glob("*") if path.suffix.lower() in EXTENSIONS)
        if found:
            return found
    wanted = f"no {dataset_name}/ with" if dataset_name else "no"
    raise OrganizerError(f"--data {folder}: {wanted} {', '.join(EXTENSIONS)} files; download the data set into it")


@cache
def _manager(include_path: Path | None) -> TaskManager:
    """All tasks of the harness; listing them takes ten seconds."""
    if importlib.util.find_spec("lm_eval") is None:
        raise OrganizerError("lm-evaluation-harness is not installed: pip install lm-eval==0.4.13")
    import datasets
    from lm_eval.tasks import TaskManager

    datasets.disable_progress_bars()
    logging.getLogger("lm_eval").setLevel(logging.ERROR)  # its warnings are about keys that the task leaves out
    return TaskManager(include_path=include_path)


def tasks_of(manager: TaskManager, name: str) -> list[str]:
    """The names of a group's tasks, or the task's own. Raises OrganizerError if the harness has neither."""
    if name in manager.all_subtasks:
        return [name]
    if name not in manager.task_index:
        similar = [task for task in manager.all_subtasks if task.startswith(name)]
        more = f"; similar names are {', '.join(similar[:5])}" if similar else ""
        raise OrganizerError(f"{name}: lm-evaluation-harness has no task or group of this name{more}")
    entry = manager.task_index[name]
    return list(dict.fromkeys(_members(manager, (entry.cfg or {}).get("task", sorted(entry.tags)))))


def _members(manager: TaskManager, listed: Any) -> Iterator[str]:  # noqa: ANN401 (a name, or a list of names and mappings)
    """The tasks of a group, whose members are names of tasks or groups, inline groups, or tasks with changed keys."""
    for member in [listed] if isinstance(listed, str) else listed:
        if isinstance(member, str):
            yield from tasks_of(manager, member)
        elif set(member) <= {"group", "group_alias", "task", "aggregate_metric_list", "metadata"}:
            yield from _members(manager, member.get("task", []))
        else:
            raise OrganizerError(
                f"{member.get('task')}: the group changes keys of this task; import its tasks one by one"
            )


def _dataset_name(manager: TaskManager, task: str) -> str | None:
    name = (manager.task_index[task].cfg or {}).get("dataset_name")
    return None if name is None else str(name)


def _loaded(manager: TaskManager, name: str, files: Mapping[str, Sequence[Path]]) -> ConfigurableTask:
    """The task with the given data in place of the Hub's. Raises OrganizerError when it cannot be loaded."""
    own = {
        "task": name,
        "dataset_path": EXTENSIONS[next(iter(files.values()))[0].suffix.lower()],
        "dataset_name": None,
        "dataset_kwargs": {"data_files": {split: [str(path) for path in paths] for split, paths in files.items()}},
    }
    without_examples = {"training_split": None, "fewshot_split": None, "num_fewshot": 0}
    missing: list[str] = []
    for overrides in ({}, without_examples, {**without_examples, "validation_split": None}):
        try:
            loaded = manager.load({"group": f"{name}-with-local-data", "task": [own | overrides]})["tasks"]
            return next(iter(loaded.values()))
        except KeyError as error:
            missing.append(str(error.args[0]))
        except ImportError as error:
            raise OrganizerError(
                f"{name}: its code in lm-evaluation-harness needs a package that is not installed: "
                f"{_reason(error)}; install that, then import again"
            ) from None
        except Exception as error:  # the task's own code may raise anything on unexpected data
            raise OrganizerError(
                f"{name}: cannot be loaded with this data, which must be in the format of its data set: "
                f"{_reason(error)}"
            ) from None
    raise OrganizerError(
        f"{name}: needs a split or a field {missing[0]!r} that the data lacks; give every split with --data, in the "
        "format of its data set"
    )


def _reason(error: Exception) -> str:
    """What an exception of the task's own code says, in one line."""
    return " ".join(str(error).split())[:300].rstrip(".") or type(error).__name__
