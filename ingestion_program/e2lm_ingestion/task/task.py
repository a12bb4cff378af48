"""task.yaml -> Task: the declarative keys of lm-evaluation-harness, with the same meaning."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, StrictInt, ValidationError, model_validator

from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.metrics.builtin import MetricFormula
from e2lm_ingestion.task.output_type_rules import RULES, OutputTypeName, output_types_where
from e2lm_ingestion.task.strict_yaml import read_yaml
from e2lm_ingestion.task.task_parts import (
    MAX_FEWSHOT,
    Choices,
    DatasetKwargs,
    FewshotConfig,
    Filter,
    FilterChain,
    GenerationKwargs,
    Metric,
    Strict,
    Target,
    check_metric,
    inside,
)

EXTENSIONS = {"json": (".jsonl", ".json"), "csv": (".csv",), "parquet": (".parquet",)}
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
MAX_TASKS = 100  # of a group
MAX_INCLUDES = 10
_Model = TypeVar("_Model", bound=BaseModel)

# What lm-evaluation-harness reads and this program does not, and what to do instead.
_SPLIT = "leave it out: items come from `test_split`, examples from `fewshot_split`"
REFUSED_KEYS = {
    "dataset_name": "leave it out: data come from the files under `dataset_kwargs: data_files`",
    "process_docs": "it runs code: change the documents before you write the data file",
    "process_results": "it runs code: name a metric in `metric_list`",
    "custom_dataset": "it runs code: write the documents into a data file",
    "group_alias": "leave it out: a group has one name, `group`",
    "aggregate_metric_list": "it belongs beside `group`, in the file that lists the tasks",
    "task_alias": "leave it out: a task has one name, `task`",
    "use_prompt": "write the prompt in `doc_to_text`, `doc_to_choice` and `doc_to_target`",
    "unsafe_code": "nothing of a submission runs: leave it out",
    "training_split": _SPLIT,
    "validation_split": _SPLIT,
    "repeats": "leave it out: what a model writes is the same every time",
    "should_decontaminate": "leave it out: it is not run",
    "doc_to_decontamination_query": "leave it out: it is not run",
    "doc_to_image": "the models read text alone: leave it out",
    "doc_to_audio": "the models read text alone: leave it out",
    "gen_prefix": "end `doc_to_text` with it",
}


def _dataset_path(value: Any) -> Any:  # noqa: ANN401 (what YAML holds)
    if value not in tuple(EXTENSIONS):
        raise ValueError(
            f"{repr(value)[:80]} is not json, csv or parquet, and nothing is fetched from the Hub: put the documents "
            "in a file, write `dataset_path: json` and name the file under `dataset_kwargs: data_files`"
        )
    return value


class Task(Strict):
    """A task. Keys and defaults are those of lm-evaluation-harness."""

    task: str = Field(pattern=NAME)
    tag: str | list[str] | None = None
    dataset_path: Annotated[Literal["json", "csv", "parquet"], BeforeValidator(_dataset_path)]
    dataset_kwargs: DatasetKwargs
    output_type: OutputTypeName
    test_split: str
    fewshot_split: str | None = None
    num_fewshot: StrictInt | None = Field(default=None, ge=0, le=MAX_FEWSHOT)
    fewshot_config: FewshotConfig = FewshotConfig()
    description: str = ""
    doc_to_text: str
    doc_to_choice: Choices | None = None
    doc_to_target: Target
    target_delimiter: str = " "
    fewshot_delimiter: str = "\n\n"
    generation_kwargs: GenerationKwargs | None = None
    filter_list: tuple[FilterChain, ...] = Field(default=(), max_length=10)
    metric_list: tuple[Metric, ...] = Field(min_length=1, max_length=100)
    metadata: dict[str, Any] | None = None

    @property
    def cluster(self) -> str | None:
        """The field that names what items share, from `metadata: {cluster: ...}`; None where the task says nothing."""
        return (self.metadata or {}).get("cluster")

    @property
    def metric(self) -> str:
        """The metric that makes the curve: the first of `metric_list`."""
        return self.metric_list[0].metric

    @property
    def formula(self) -> MetricFormula:
        """How log-likelihoods become the metric."""
        return self.metric_list[0].formula(self.output_type)

    @property
    def higher_is_better(self) -> bool:
        """Whether a larger value of the metric is a better model."""
        return self.metric_list[0].is_better_higher(self.output_type)

    @property
    def unconditional(self) -> bool:
        """Whether some metric needs the log-likelihood of each choice after nothing."""
        return any("ll_unconditional" in metric.spec(self.output_type).names for metric in self.metric_list)

    @property
    def generation(self) -> GenerationKwargs:
        """How a model writes; without other words of the task, until the few-shot delimiter."""
        given = self.generation_kwargs or GenerationKwargs()
        return given if given.until else given.model_copy(update={"until": (self.fewshot_delimiter,)})

    @property
    def filters(self) -> tuple[Filter, ...]:
        """What happens to a generated text before it is compared, in order: the first chain of `filter_list`."""
        return self.filter_list[0].filter if self.filter_list else ()

    @property
    def shots(self) -> int:
        """The number of examples before each item."""
        return self.num_fewshot or 0

    @property
    def examples_split(self) -> str | None:
        """The split that examples come from."""
        return self.fewshot_config.split or self.fewshot_split

    @property
    def data_files(self) -> dict[str, tuple[str, ...]]:
        """Files of each split, relative to task.yaml."""
        return self.dataset_kwargs.data_files

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        self._check_output_type()
        if self.cluster is not None and (not isinstance(self.cluster, str) or not self.cluster):
            raise ValueError("metadata: cluster: write the name of a field of the data, such as passage_id")
        for metric in self.metric_list:
            check_metric(metric, self.output_type)
        splits = ", ".join(self.data_files)
        for key, split in (
            ("test_split", self.test_split),
            ("fewshot_split", self.fewshot_split),
            ("fewshot_config.split", self.fewshot_config.split),
        ):
            if split is not None and split not in self.data_files:
                raise ValueError(f"{key}: data_files has no split {split!r}; it has {splits}")
        if self.fewshot_config.samples is not None and self.examples_split is not None:
            raise ValueError("fewshot_config: samples: there is a split for the examples too; leave one of the two out")
        if self.shots and self.examples_split is None and self.fewshot_config.samples is None:
            raise ValueError(
                f"num_fewshot: {self.shots} examples need a fewshot_split to come from; it may be {splits}"
            )
        for file in (file for files in self.data_files.values() for file in files):
            extensions = EXTENSIONS[self.dataset_path]
            if not file.lower().endswith(extensions):
                raise ValueError(
                    f"dataset_path: `{file}` does not fit `{self.dataset_path}`, which reads {' and '.join(extensions)}"
                )
        return self

    def _check_output_type(self) -> None:
        kind, rules = self.output_type, RULES[self.output_type]
        if rules.choices == "needed" and self.doc_to_choice is None:
            raise ValueError(f"doc_to_choice: the key is missing; {kind} needs it")
        if rules.choices == "refused" and self.doc_to_choice is not None:
            other = output_types_where(lambda one: one.choices == "needed")
            raise ValueError(f"doc_to_choice: {kind} has no choices: leave it out, or write {other}")
        if self.shots and not rules.examples:
            raise ValueError(f"num_fewshot: {kind} scores a text alone: leave it out")
        if not rules.generates and (self.generation_kwargs is not None or self.filter_list):
            other = output_types_where(lambda one: one.generates)
            raise ValueError(f"generation_kwargs and filter_list: only for {other}: leave them out")
        ends = self.fewshot_delimiter or (self.generation_kwargs and self.generation_kwargs.until)
        if rules.generates and not ends:
            raise ValueError("generation_kwargs: write `until`, the texts that end an answer")


class AggregateMetric(Strict):
    """How the scores of a group's tasks become one."""

    metric: str
    aggregation: Literal["mean"] = "mean"
    weight_by_size: bool = True
    filter_list: str | list[str] | None = None


def _listed(value: Any) -> Any:  # noqa: ANN401 (what YAML holds)
    return value if isinstance(value, list) else [value]


class Group(Strict):
    """Several tasks that are scored as one."""

    group: str = Field(pattern=NAME)
    task: tuple[str, ...] = Field(min_length=1, max_length=MAX_TASKS)
    aggregate_metric_list: Annotated[tuple[AggregateMetric, ...], BeforeValidator(_listed)] = ()
    metadata: dict[str, Any] | None = None
    tag: str | list[str] | None = None

    @property
    def weight_by_size(self) -> bool:
        """Whether every item weighs the same, or else every task."""
        return not self.aggregate_metric_list or self.aggregate_metric_list[0].weight_by_size


def load_task(path: Path, root: Path | None = None) -> Task:
    """Read a task.yaml in UTF-8 and what it includes from its folder, or `root`.

    Raises SubmissionError naming the key and what to write instead.
    """
    return task_of(_read(path, root or path.parent), path.name)


def load_tasks(root: Path, files: Mapping[str, Path]) -> tuple[Group | None, dict[str, Task]]:
    """The tasks of a submission, by the name of their file: task.yaml alone, or those that it lists as a group.

    `files` are all files under `root`. Raises SubmissionError likewise.
    """
    value = _read(root / "task.yaml", root)
    if "group" not in value:
        return None, {"task.yaml": task_of(value, "task.yaml")}
    group = _validated(Group, value, "task.yaml")
    described: dict[str, tuple[str, dict[str, Any]]] = {}
    for name, path in files.items():
        if name == "task.yaml" or not name.endswith((".yaml", ".yml")):
            continue
        keys = _read(path, root, name)
        if isinstance(own := keys.get("task"), str) and own in group.task:
            if own in described:
                raise SubmissionError(f"{name}: the task {own} is in {described[own][0]} too; give it another name")
            described[own] = (name, keys)
    for name in group.task:
        if name not in described:
            raise SubmissionError(f"task.yaml: task: no file of the submission says `task: {name[:60]}`")
    tasks = {described[name][0]: task_of(described[name][1], described[name][0]) for name in dict.fromkeys(group.task)}
    _check_group(group, tasks)
    return group, tasks


def _check_group(group: Group, tasks: Mapping[str, Task]) -> None:
    first_file, first = next(iter(tasks.items()))
    for file, task in tasks.items():
        for key, one, other in (
            ("output_type", first.output_type, task.output_type),
            ("the first metric", first.metric_list[0], task.metric_list[0]),
        ):
            if one != other:
                raise SubmissionError(f"{file}: {key} differs from that of {first_file}; a group's tasks share it")
    if group.aggregate_metric_list and group.aggregate_metric_list[0].metric != first.metric:
        raise SubmissionError(
            f"task.yaml: aggregate_metric_list: the first metric of the tasks is {first.metric}, and it makes the curve"
        )


def _read(path: Path, root: Path, name: str | None = None, depth: int = 0) -> dict[str, Any]:
    """The keys of a file, those that it includes first."""
    name = name or path.name
    value = read_yaml(path.read_text(encoding="utf-8-sig"), name)
    if not isinstance(value, dict):
        raise SubmissionError(f"{name}: a task is a mapping of keys, such as `task: my-task`; see the example tasks")
    included = value.pop("include", None)
    if included is None:
        return value
    files = [included] if isinstance(included, str) else included
    if not isinstance(files, list) or not all(isinstance(file, str) for file in files):
        raise SubmissionError(f"{name}: include: name a file of the submission, such as `include: base.yaml`")
    if depth + len(files) > MAX_INCLUDES:
        raise SubmissionError(f"{name}: include: more than {MAX_INCLUDES} files, or files that include each other")
    keys: dict[str, Any] = {}
    for file in files:
        try:
            other = path.parent / inside(file, "base.yaml")
        except ValueError as error:
            raise SubmissionError(f"{name}: include: {error}") from None
        if not other.resolve().is_relative_to(root.resolve()) or not other.is_file():
            raise SubmissionError(f"{name}: include: `{inside(file)[:60]}` is not in the submission")
        keys |= _read(other, root, inside(file), depth + len(files))
    return keys | value


def task_of(value: Mapping[str, Any], name: str) -> Task:
    """Check the keys of a task; `name` is its file's. Raises SubmissionError."""
    for key in value:
        _refuse_unknown(key, name)
    return _validated(Task, value, name)


def _validated(model: type[_Model], value: Mapping[str, Any], name: str) -> _Model:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        message = _explained(error)
        message = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in message)
        raise SubmissionError(f"{name}: {message}") from None


def _refuse_unknown(key: str, name: str) -> None:
    if key in REFUSED_KEYS:
        raise SubmissionError(f"{name}: {key}: {REFUSED_KEYS[key]}")
    if key not in Task.model_fields:
        shown = f"`{key}`" if key.isprintable() and len(key) <= 60 else repr(key[:60])
        near = difflib.get_close_matches(key[:60], Task.model_fields, n=1)
        advice = f"did you mean `{near[0]}`?" if near else f"the keys are {', '.join(Task.model_fields)}"
        raise SubmissionError(f"{name}: {shown} is not a key of a task; {advice}")


def _explained(error: ValidationError) -> str:
    """The first problem in one line: key, what is wrong, what was written."""
    first = error.errors(include_url=False)[0]
    tags = ("str", "int", "list[", "tuple[")  # which of several types was tried
    location = ".".join(str(part) for part in first["loc"] if isinstance(part, int) or not part.startswith(tags))
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "missing":
        return f"{location}: the key is missing; add it"
    if first["type"] == "extra_forbidden":
        return f"{location}: this key is not read; remove it"
    if first["type"] == "value_error":
        return f"{location}: {message}" if location else message
    if location in ("task", "group") and first["type"].startswith("string"):
        message = "a task's name has letters, digits, - _ . and at most 64 of them"
    return " ".join(f"{location}: {message}; it is {repr(first['input'])[:80]}".split())
