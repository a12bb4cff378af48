"""Opens an untrusted zip or folder as a Submission with checked files. Never runs code of a submission."""

from __future__ import annotations

import difflib
import errno
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from e2lm_ingestion.errors import Problems, SubmissionError
from e2lm_ingestion.submission.archive import unzip
from e2lm_ingestion.submission.file_rules import check_and_digest, list_files, shown
from e2lm_ingestion.task.sources import YAML, load_tasks
from e2lm_ingestion.task.task import Task

DATA = (".jsonl", ".json", ".csv", ".parquet")


@dataclass(frozen=True, slots=True)
class Submission:
    """A task whose files have been checked. Its items have not been read yet (see output_types/items.py)."""

    name: str  # of the task or group
    root: Path  # folder of task.yaml; for a zip a temporary one
    sha256: str  # digest of the content, the same for a zip and its folder
    tasks: Mapping[str, Task]  # by the name of the file: task.yaml alone, or the tasks of a group
    weight_by_size: bool  # true: every item has the same weight; false: every task
    files: Mapping[str, Path]  # by the name relative to task.yaml
    without_effect: Sequence[str] = ()  # keys of lm-evaluation-harness that change no score here
    left_out: Sequence[str] = ()  # files and folders that are no part of the submission

    @property
    def task(self) -> Task:
        """The task, or the first task of a group; all tasks of a group share output type and metric."""
        return next(iter(self.tasks.values()))


@contextmanager
def open_submission(path: Path) -> Iterator[Submission]:
    """Open a zip or folder; an enclosing folder and files added by macOS are accepted.

    A zip is unpacked into a temporary folder that is deleted on exit; a folder is read in place. Raises
    SubmissionError naming the file, what is wrong and what to do.
    """
    with tempfile.TemporaryDirectory(prefix="e2lm-") as temporary:
        try:
            folder = path.resolve()
            left_out: list[str] = []
            if not folder.is_dir():
                _refuse_other_files(folder, path)
                left_out = unzip(folder, Path(temporary))
                folder = Path(temporary)
            submission = _read(folder, left_out)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):  # not an error of the submission
                raise
            raise SubmissionError(f"{path}: cannot be read: {error.strerror or error}") from None
        yield submission


def _refuse_other_files(path: Path, given: Path) -> None:
    """Raise SubmissionError for a path that is neither a folder nor a file that may be a zip."""
    if not path.is_file():
        near = difflib.get_close_matches(given.name, [path.name for path in given.parent.glob("*")], n=1)
        advice = f"did you mean {given.with_name(near[0])}?" if near else "check the path"
        raise SubmissionError(f"{given}: there is no such file or folder; {advice}")
    if path.name.lower().endswith(YAML):
        raise SubmissionError(f"{given}: a task's file alone: give its folder, {given.parent}, or a zip of it")


def _read(folder: Path, left_out: list[str]) -> Submission:
    files, unlisted = list_files(folder)
    prefix = _root_of(files)
    inside = {name.removeprefix(prefix): path for name, path in files.items()}
    sha256 = check_and_digest(inside)
    loaded = load_tasks(inside)
    problems = Problems()
    for source, task in loaded.tasks.items():
        for file in (file for names in task.data_files.values() for file in names):
            if file not in inside:
                problems.add(f"{source}: data_files: {_absent(file, inside)}")
    problems.raise_any()
    group = loaded.group
    return Submission(
        name=loaded.tasks["task.yaml"].task if group is None else group.group,
        root=folder / prefix,
        sha256=sha256,
        tasks=loaded.tasks,
        weight_by_size=group is None or group.weight_by_size,
        files=inside,
        without_effect=loaded.without_effect,
        left_out=(*left_out, *unlisted),
    )


def _absent(file: str, files: Mapping[str, Path]) -> str:
    data = [name for name in files if name.lower().endswith(DATA)]
    near = difflib.get_close_matches(file, data, n=1)
    found = f"there is {', '.join(map(shown, near or data[:5]))}" if data else "there is no data file at all"
    return f"{shown(file)} is not in the submission; {found}: add the file, or correct its name in task.yaml"


def _root_of(files: Mapping[str, Path]) -> str:
    """The folder of task.yaml as a prefix: "" or "folder/"."""
    tasks = [name for name in files if PurePosixPath(name).name == "task.yaml"]
    if not tasks:
        raise SubmissionError(f"there is no task.yaml; {_nearly_task(files)}")
    if len(tasks) > 1:
        raise SubmissionError(f"several task.yaml: {', '.join(map(shown, tasks[:5]))}; a submission has one; keep one")
    prefix = tasks[0].removesuffix("task.yaml")
    if prefix.count("/") > 1:
        raise SubmissionError(f"{shown(tasks[0])}: in a folder of a folder; zip the folder that holds task.yaml")
    outside = next((name for name in files if not name.startswith(prefix)), None)
    if outside is not None:
        raise SubmissionError(f"{shown(outside)}: outside the folder of {shown(tasks[0])}; move it there or remove it")
    return prefix


def _nearly_task(files: Mapping[str, Path]) -> str:
    """What to do where no file is named task.yaml: rename the one that says a task, or write one."""
    near = [name for name in files if PurePosixPath(name).stem.lower() in ("task", "tasks")]
    near += [name for name in files if name.lower().endswith(YAML)]
    if not near:
        return "it says where the items are and how to ask them; e2lm new writes a folder with one"
    others = len({name for name in near if name.lower().endswith(YAML)}) > 1 and near[0].lower().endswith(YAML)
    which = "the file of the task or group that is scored, such as " if others else ""
    return f"rename {which}{shown(near[0])} to task.yaml"
