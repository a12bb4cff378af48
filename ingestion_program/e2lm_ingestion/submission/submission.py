"""Opens an untrusted zip or folder as a Submission with checked files. Never runs code of a submission."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.submission.archive import unzip
from e2lm_ingestion.submission.file_rules import check_and_digest, list_files, shown
from e2lm_ingestion.task.task import Task, load_tasks


@dataclass(frozen=True, slots=True)
class Submission:
    """A task whose files have been checked. Its items have not been read yet (see output_types/items.py)."""

    name: str  # of the task or group
    root: Path  # folder of task.yaml; for a zip a temporary one
    sha256: str  # digest of the content, the same for a zip and its folder
    tasks: Mapping[str, Task]  # by the name of the file: task.yaml alone, or the tasks of a group
    weight_by_size: bool  # true: every item has the same weight; false: every task

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
            if not folder.is_dir():
                if not folder.is_file():
                    raise SubmissionError(f"{path}: there is no such file or folder")
                unzip(folder, Path(temporary))
                folder = Path(temporary)
            submission = _read(folder)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):  # not an error of the submission
                raise
            raise SubmissionError(f"{path}: cannot be read: {error.strerror or error}") from None
        yield submission


def _read(folder: Path) -> Submission:
    files = list_files(folder)
    prefix = _root_of(files)
    inside = {name.removeprefix(prefix): path for name, path in files.items()}
    sha256 = check_and_digest(inside)
    root = folder / prefix
    group, tasks = load_tasks(root, inside)
    for source, task in tasks.items():
        for file in (file for names in task.data_files.values() for file in names):
            if file not in inside:
                data = [name for name in inside if not name.endswith((".yaml", ".yml", ".md", ".txt"))]
                found = f"there is {', '.join(map(shown, data[:5]))}" if data else "there is no data file at all"
                raise SubmissionError(f"{source}: data_files: {shown(file)} is not in the submission; {found}")
    only = tasks["task.yaml"].task if group is None else group.group
    return Submission(only, root, sha256, tasks, group is None or group.weight_by_size)


def _root_of(files: dict[str, Path]) -> str:
    """The folder of task.yaml as a prefix: "" or "folder/"."""
    tasks = [name for name in files if PurePosixPath(name).name == "task.yaml"]
    if not tasks:
        near = [name for name in files if PurePosixPath(name).stem.lower() == "task"]
        advice = f"rename {shown(near[0])} to task.yaml" if near else "it says where the items are and how to use them"
        raise SubmissionError(f"there is no task.yaml; {advice}")
    if len(tasks) > 1:
        raise SubmissionError(f"several task.yaml: {', '.join(map(shown, tasks[:5]))}; a submission has one; keep one")
    prefix = tasks[0].removesuffix("task.yaml")
    if prefix.count("/") > 1:
        raise SubmissionError(f"{shown(tasks[0])}: in a folder of a folder; zip the folder that holds task.yaml")
    outside = next((name for name in files if not name.startswith(prefix)), None)
    if outside is not None:
        raise SubmissionError(f"{shown(outside)}: outside the folder of {shown(tasks[0])}; move it there or remove it")
    return prefix
