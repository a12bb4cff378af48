"""The YAML files of a submission -> its tasks: included files, groups, tags, tasks written out in a group."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from e2lm_ingestion.errors import Problems, SubmissionError
from e2lm_ingestion.task.messages import shown_key, validated
from e2lm_ingestion.task.strict_yaml import read_yaml
from e2lm_ingestion.task.task import MAX_TASKS, Group, Task, check_group, task_of, unknown_key
from e2lm_ingestion.task.task_parts import inside

MAX_INCLUDES = 10
MAX_GROUPS = 20  # within each other
YAML = (".yaml", ".yml")
Keys = dict[str, Any]  # what YAML holds


@dataclass(frozen=True, slots=True)
class LoadedTasks:
    """What task.yaml says, together with the files that it names."""

    group: Group | None
    tasks: Mapping[str, Task]  # by the name of the file: task.yaml alone, or the tasks of a group
    without_effect: Sequence[str]  # keys that change no score, each once


def load_tasks(files: Mapping[str, Path]) -> LoadedTasks:
    """The tasks of a submission with these files, by their names relative to the folder of task.yaml.

    Raises SubmissionError with every problem that can be found in the YAML files.
    """
    value = _read("task.yaml", files)
    notes: list[str] = []
    if "group" not in value or _is_task(value):
        return LoadedTasks(None, {"task.yaml": task_of(value, "task.yaml", notes)}, tuple(dict.fromkeys(notes)))
    own, shared = _divided(value)
    problems = Problems()
    problems.add(*(f"task.yaml: {message}" for key in shared if (message := unknown_key(key)) is not None))
    with problems.gathering():
        group = validated(Group, own, "task.yaml")
    problems.raise_any()
    if len(group.task) > MAX_TASKS:
        raise SubmissionError(f"task.yaml: task: {len(group.task)} tasks; a group has at most {MAX_TASKS}")
    notes += ["group_alias"] if group.group_alias is not None else []
    found = dict(_Members(files).of(group.task, shared, "task.yaml", 0))
    if len(found) > MAX_TASKS:
        raise SubmissionError(f"task.yaml: task: {len(found)} tasks; a group has at most {MAX_TASKS}")
    tasks = {}
    for name, (source, keys) in found.items():
        with problems.gathering():
            label = source if source not in tasks else f"{source} ({name})"
            tasks[label] = task_of(keys, label, notes)
    problems.raise_any()
    check_group(group, tasks)
    return LoadedTasks(group, tasks, tuple(dict.fromkeys(notes)))


def load_task(path: Path) -> Task:
    """Read a task.yaml in UTF-8 that stands alone, with what it includes from its folder. Raises SubmissionError."""
    files = {one.name: one for one in path.parent.iterdir() if one.is_file()}
    return task_of(_read(path.name, files), path.name)


def _is_task(value: Keys) -> bool:
    """Whether the keys are those of a task with the old `group:` for a tag, which is refused with what to write."""
    return isinstance(value.get("task"), str) and ("dataset_path" in value or "doc_to_text" in value)


def _divided(value: Keys) -> tuple[Keys, Keys]:
    """The keys of a group, and those that it sets for its tasks."""
    own = {key: one for key, one in value.items() if key in Group.model_fields}
    return own, {key: one for key, one in value.items() if key not in own}


@dataclass
class _Members:
    """Finds what a group lists among the other YAML files."""

    files: Mapping[str, Path]
    tasks: dict[str, tuple[str, Keys]] = field(default_factory=dict)  # by name: file and keys
    groups: dict[str, tuple[str, Keys]] = field(default_factory=dict)
    tags: dict[str, list[str]] = field(default_factory=dict)  # the names of the tasks
    twice: dict[str, str] = field(default_factory=dict)  # by the name of a task: the message

    def __post_init__(self) -> None:
        for file in self.files:
            if file == "task.yaml" or not file.endswith(YAML):
                continue
            keys = _read(file, self.files)
            name = keys.get("group", keys.get("task"))
            if not isinstance(name, str):
                continue
            kind = self.groups if "group" in keys else self.tasks
            if name in kind:
                self.twice[name] = f"{file}: the task {name} is in {kind[name][0]} too; give it another name"
            kind.setdefault(name, (file, keys))
            if kind is self.tasks:
                for tag in _texts(keys.get("tag")):
                    self.tags.setdefault(tag, []).append(name)

    def of(
        self, members: Sequence[str | Keys], shared: Keys, source: str, depth: int
    ) -> Iterator[tuple[str, tuple[str, Keys]]]:
        """Name, file and keys of each task; `shared` are keys that the groups around it set, as in the harness."""
        if depth > MAX_GROUPS:
            raise SubmissionError(f"{source}: task: groups that list each other, or more than {MAX_GROUPS} deep")
        for member in members:
            keys: Keys = {"task": member} if isinstance(member, str) else member
            if "group" in keys:
                yield from self._group(keys, shared, source, depth)
                continue
            name = keys.get("task")
            if not isinstance(name, str):
                raise SubmissionError(
                    f"{source}: task: write the name of a task, or several as a list, such as `task: [a, b]`"
                )
            changes = {**shared, **{key: value for key, value in keys.items() if key != "task"}}
            if name in self.twice:
                raise SubmissionError(self.twice[name])
            if name in self.tasks:
                yield self._task(name, changes)
            elif name in self.groups:
                yield from self._named_group(name, changes, depth)
            elif name in self.tags:
                for tagged in sorted(self.tags[name]):
                    yield self._task(tagged, changes)
            elif len(keys) > 1:
                yield name, (f"{source}: {name}", {**changes, "task": name})
            else:
                raise SubmissionError(f"{source}: task: {self._absent(name)}")

    def _task(self, name: str, changes: Keys) -> tuple[str, tuple[str, Keys]]:
        file, keys = self.tasks[name]
        return name, (file, {**keys, **changes, "task": name})

    def _group(self, member: Keys, shared: Keys, source: str, depth: int) -> Iterator[tuple[str, tuple[str, Keys]]]:
        """The tasks of a group that another lists with keys of its own."""
        name = member["group"]
        if isinstance(name, str) and name in self.groups:
            yield from self._named_group(name, {**shared, **{k: v for k, v in member.items() if k != "group"}}, depth)
            return
        own, more = _divided(member)
        group = validated(Group, own, source)
        yield from self.of(group.task, {**more, **shared}, source, depth + 1)

    def _named_group(self, name: str, changes: Keys, depth: int) -> Iterator[tuple[str, tuple[str, Keys]]]:
        file, keys = self.groups[name]
        own, more = _divided(keys)
        yield from self.of(validated(Group, own, file).task, {**more, **changes}, file, depth + 1)

    def _absent(self, name: str) -> str:
        known = [*self.tasks, *self.groups, *self.tags]
        if name in self.files and (own := self._says(name)) is not None:
            return f"{shown_key(name)} is a file; write the name that its `task:` says, {shown_key(own)}"
        has = f"they say {', '.join(map(shown_key, sorted(known)[:10]))}" if known else "there is no other YAML file"
        return f"no file of the submission says `task: {name[:60]}`; {has}"

    def _says(self, file: str) -> str | None:
        """The name of the task or group in a file."""
        found = [name for kind in (self.tasks, self.groups) for name, (own, _) in kind.items() if own == file]
        return found[0] if found else None


def _texts(value: Any) -> list[str]:  # noqa: ANN401 (what YAML holds)
    """The texts of a key that holds one or a list of them; others are named when the task is checked."""
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]


def _read(file: str, files: Mapping[str, Path], depth: int = 0) -> Keys:
    """The keys of a file, those that it includes first."""
    value = read_yaml(files[file].read_text(encoding="utf-8-sig"), file)
    if not isinstance(value, dict):
        what = "the file is empty" if value is None else "it is a list" if isinstance(value, list) else "it is a text"
        raise SubmissionError(
            f"{file}: a task is a mapping of keys to values, one a line, such as `task: my-task`; {what}; see the "
            "example tasks"
        )
    included = value.pop("include", None)
    if included is None:
        return value
    names = [included] if isinstance(included, str) else included
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise SubmissionError(f"{file}: include: name a file of the submission, such as `include: base.yaml`")
    if depth + len(names) > MAX_INCLUDES:
        raise SubmissionError(f"{file}: include: more than {MAX_INCLUDES} files, or files that include each other")
    keys: Keys = {}
    for name in names:
        keys |= _read(_included(name, file, files), files, depth + len(names))
    return keys | value


def _included(name: str, file: str, files: Mapping[str, Path]) -> str:
    """The file that another includes, relative to the other's folder. Raises SubmissionError unless it is one."""
    folder = posixpath.dirname(file)
    up = posixpath.normpath(posixpath.join(folder, name)) if folder else name
    try:
        found = inside(name if up.startswith("..") else up, "base.yaml")
    except ValueError as error:
        raise SubmissionError(f"{file}: include: {error}") from None
    if found not in files:
        raise SubmissionError(f"{file}: include: {shown_key(found)} is not in the submission; put the file there")
    return found
