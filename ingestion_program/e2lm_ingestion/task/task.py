"""task.yaml -> Task: the declarative keys of lm-evaluation-harness, with the same meaning."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, StrictInt, model_validator

from e2lm_ingestion.errors import Problems
from e2lm_ingestion.metrics.builtin import MetricFormula
from e2lm_ingestion.task.harmless import without_effect
from e2lm_ingestion.task.messages import SEPARATOR, shown_key, validated
from e2lm_ingestion.task.output_type_rules import RULES, OutputTypeName, output_types_where
from e2lm_ingestion.task.task_parts import (
    MAX_FEWSHOT,
    Choices,
    DatasetKwargs,
    FewshotConfig,
    Filter,
    FilterChain,
    GenerationKwargs,
    KeptRows,
    Metric,
    Strict,
    Target,
    check_metric,
)

EXTENSIONS = {"json": (".jsonl", ".json"), "csv": (".csv",), "parquet": (".parquet",)}
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
MAX_TASKS = 100  # of a group
# What lm-evaluation-harness reads and this program does not, and what to do instead.
REFUSED_KEYS = {
    "process_docs": "it runs code: keep rows with `filter_docs: {field: [values]}`, or "
    "change the documents before you write the data file",
    "process_results": "it runs code: name a metric in `metric_list`",
    "custom_dataset": "it runs code: write the documents into a data file",
    "group": "a task with this key is how lm-evaluation-harness before 0.4.4 named a tag: write `tag` in its place",
    "group_alias": "it belongs beside `group`, in the file that lists the tasks",
    "aggregate_metric_list": "it belongs beside `group`, in the file that lists the tasks",
    "use_prompt": "write the prompt in `doc_to_text`, `doc_to_choice` and `doc_to_target`",
    "unsafe_code": "only false: nothing of a submission runs",
    "repeats": "only 1 is run: what a model writes is the same every time",
    "doc_to_image": "the models read text alone: leave it out",
    "doc_to_audio": "the models read text alone: leave it out",
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
    filter_docs: KeptRows = Field(default={})
    num_fewshot: StrictInt | None = Field(default=None, ge=0, le=MAX_FEWSHOT)
    fewshot_config: FewshotConfig = FewshotConfig()
    description: str = ""
    doc_to_text: str
    doc_to_choice: Choices | None = None
    doc_to_target: Target
    target_delimiter: str = " "
    fewshot_delimiter: str = "\n\n"
    gen_prefix: str = ""
    generation_kwargs: GenerationKwargs | None = None
    filter_list: tuple[FilterChain, ...] = Field(default=(), max_length=10)
    metric_list: tuple[Metric, ...] = Field(min_length=1, max_length=100)
    metadata: Any = None

    @property
    def cluster(self) -> str | None:
        """The field that names what items share, from `metadata: {cluster: ...}`; None where the task says nothing."""
        return self.metadata.get("cluster") if isinstance(self.metadata, dict) else None

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
        """Whether some metric needs the log-likelihood of each choice without its prompt."""
        return any("ll_unconditional" in metric.spec(self.output_type).names for metric in self.metric_list)

    @property
    def generation(self) -> GenerationKwargs:
        """How a model generates; by default until the few-shot delimiter."""
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
        found = [*self._wrong_keys(), *self._wrong_metrics(), *self._wrong_splits(), *self._wrong_files()]
        found += self._wrong_cluster()
        if found:
            raise ValueError(SEPARATOR.join(found))
        return self

    def _wrong_keys(self) -> Iterator[str]:
        kind, rules = self.output_type, RULES[self.output_type]
        if rules.choices == "needed" and self.doc_to_choice is None:
            yield f"doc_to_choice: the key is missing; {kind} needs it"
        if rules.choices == "refused" and self.doc_to_choice is not None:
            other = output_types_where(lambda one: one.choices == "needed")
            yield f"doc_to_choice: {kind} has no choices: leave it out, or write {other}"
        if self.shots and not rules.examples:
            yield f"num_fewshot: {kind} scores a text alone: leave it out"
        if not rules.generates and self.filter_list:
            other = output_types_where(lambda one: one.generates)
            yield f"filter_list: only for {other}, whose texts it changes: leave it out"
        ends = self.fewshot_delimiter or (self.generation_kwargs and self.generation_kwargs.until)
        if rules.generates and not ends:
            yield "generation_kwargs: write `until`, the texts that end an answer"

    def _wrong_cluster(self) -> Iterator[str]:
        if self.cluster is not None and (not isinstance(self.cluster, str) or not self.cluster):
            yield "metadata: cluster: write the name of a field of the data, such as passage_id"

    def _wrong_metrics(self) -> Iterator[str]:
        for metric in self.metric_list:
            try:
                check_metric(metric, self.output_type)
            except ValueError as error:
                yield str(error)

    def _wrong_splits(self) -> Iterator[str]:
        splits = ", ".join(self.data_files)
        for key, split in (
            ("test_split", self.test_split),
            ("fewshot_split", self.fewshot_split),
            ("fewshot_config.split", self.fewshot_config.split),
        ):
            if split is not None and split not in self.data_files:
                yield (
                    f"{key}: data_files has no split {split!r}; it has {splits}: write one of these, or name the file "
                    f"as `data_files: {{{split[:20] if split.isidentifier() else 'test'}: FILE}}`"
                )
        if self.fewshot_config.samples is not None and self.examples_split is not None:
            yield "fewshot_config: samples: there is a split for the examples too; leave one of the two out"
        if self.shots and self.examples_split is None and self.fewshot_config.samples is None:
            other = next((split for split in self.data_files if split != self.test_split), None)
            advice = f"write `fewshot_split: {other}`" if other else "add a file of examples to data_files"
            yield f"num_fewshot: {self.shots} examples need a fewshot_split to come from; {advice}"

    def _wrong_files(self) -> Iterator[str]:
        extensions = EXTENSIONS[self.dataset_path]
        for file in (file for files in self.data_files.values() for file in files):
            if not file.lower().endswith(extensions):
                fitting = next((kind for kind, own in EXTENSIONS.items() if file.lower().endswith(own)), None)
                advice = f"; write `dataset_path: {fitting}`" if fitting else ""
                yield (
                    f"dataset_path: `{file}` does not fit `{self.dataset_path}`, which reads "
                    f"{' and '.join(extensions)}{advice}"
                )


class AggregateMetric(Strict):
    """How the scores of a group's tasks become one."""

    metric: str
    aggregation: Literal["mean"] = "mean"
    weight_by_size: bool = True
    filter_list: str | list[str] | None = None


def _listed(value: Any) -> Any:  # noqa: ANN401 (what YAML holds)
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


class Group(Strict):
    """Several tasks that are scored as one."""

    group: str = Field(pattern=NAME)
    group_alias: str | None = None
    task: Annotated[tuple[str | dict[str, Any], ...], BeforeValidator(_listed)] = Field(min_length=1)
    aggregate_metric_list: Annotated[tuple[AggregateMetric, ...], BeforeValidator(_listed)] = ()
    metadata: Any = None
    tag: str | list[str] | None = None

    @property
    def weight_by_size(self) -> bool:
        """Whether every item weighs the same, or else every task."""
        return not self.aggregate_metric_list or self.aggregate_metric_list[0].weight_by_size


def task_of(value: Mapping[str, Any], name: str, notes: list[str] | None = None) -> Task:
    """Check the keys of a task; `name` is its file's. Keys without effect are added to `notes`.

    Raises SubmissionError with every problem that can be found.
    """
    problems = Problems()
    keys: Mapping[str, Any] = value
    with problems.gathering():
        keys, dropped = without_effect(value, name)
        if notes is not None:
            notes += dropped
    read = {key: value for key, value in keys.items() if key in Task.model_fields}
    for key in keys:
        if (message := unknown_key(key)) is not None:
            problems.add(f"{name}: {message}")
            read |= _as_meant(message, key, keys)
    with problems.gathering():
        task = validated(Task, read, name)
    problems.raise_any()
    return task


def _as_meant(message: str, key: str, keys: Mapping[str, Any]) -> dict[str, Any]:
    """The key that a message proposes, with the value of the wrong one, so that it is not said to be missing too."""
    if key == "data_files":
        return {"dataset_kwargs": {key: keys[key]}}
    meant = message.partition("did you mean `")[2].removesuffix("`?")
    return {meant: keys[key]} if meant in Task.model_fields and meant not in keys else {}


def unknown_key(key: str) -> str | None:
    """What to write instead of a key that a task has not; None for one that it has."""
    if key in REFUSED_KEYS:
        return f"{key}: {REFUSED_KEYS[key]}"
    if key in Task.model_fields:
        return None
    if (ours := _OTHER_NAMES.get(key.lower())) is not None:
        return f"{shown_key(key)} is not a key of a task; did you mean `{ours}`?"
    if key[:1].isspace():
        return f"{key[:60]!r} begins with an unusual space, as copied from a page: indent with ordinary spaces"
    near = difflib.get_close_matches(key[:60], [*Task.model_fields, *REFUSED_KEYS], n=1)
    if key in ("data_files", "sampler", "samples", "until", "max_gen_toks", "metric"):
        homes = {"data_files": "dataset_kwargs", "until": "generation_kwargs", "max_gen_toks": "generation_kwargs"}
        home = homes.get(key, "metric_list" if key == "metric" else "fewshot_config")
        return f"`{key}` belongs under `{home}`: indent it two spaces more than that key"
    advice = f"did you mean `{near[0]}`?" if near else f"the keys are {', '.join(Task.model_fields)}"
    return f"{shown_key(key)} is not a key of a task; {advice}"


_OTHER_NAMES = {  # of keys, in the words of other programs -> here
    **dict.fromkeys(("prompt", "question", "query", "input", "template", "context"), "doc_to_text"),
    **dict.fromkeys(("target", "answer", "label", "gold", "output"), "doc_to_target"),
    **dict.fromkeys(("choices", "options", "endings"), "doc_to_choice"),
    "metrics": "metric_list",
    "tasks": "task",
    **dict.fromkeys(("filter", "filters"), "filter_list"),
    **dict.fromkeys(("shots", "fewshot", "n_shot", "few_shot"), "num_fewshot"),
    **dict.fromkeys(("name", "task_name"), "task"),
    **dict.fromkeys(("split", "eval_split", "evaluation_splits"), "test_split"),
    **dict.fromkeys(("type", "task_type"), "output_type"),
}


def check_group(group: Group, tasks: Mapping[str, Task]) -> None:
    """Raise SubmissionError unless the tasks, by their file's name, can be scored as one."""
    first_file, first = next(iter(tasks.items()))
    problems = Problems()
    for file, task in tasks.items():
        for key, one, other in (
            ("output_type", first.output_type, task.output_type),
            ("the first metric", first.metric_list[0], task.metric_list[0]),
        ):
            if one != other:
                problems.add(f"{file}: {key} differs from that of {first_file}; a group's tasks share it")
    if group.aggregate_metric_list and group.aggregate_metric_list[0].metric != first.metric:
        problems.add(
            f"task.yaml: aggregate_metric_list: the first metric of the tasks is {first.metric}, and it makes the curve"
        )
    problems.raise_any()
