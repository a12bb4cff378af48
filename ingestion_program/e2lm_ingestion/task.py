"""task.yaml -> Task: the declarative keys of lm-evaluation-harness, with the same meaning."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, ValidationError, model_validator

from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.strict_yaml import read_yaml

EXTENSIONS = {"json": (".jsonl", ".json"), "csv": (".csv",), "parquet": (".parquet",)}
MAX_FEWSHOT = 100
MAX_GENERATED_TOKENS = 512

# What lm-evaluation-harness reads and this program does not, and what to do instead.
_SPLIT = "leave it out: items come from `test_split`, examples from `fewshot_split`"
REFUSED_KEYS = {
    "dataset_name": "leave it out: data come from the files under `dataset_kwargs: data_files`",
    "process_docs": "it runs code: change the documents before you write the data file",
    "process_results": "it runs code: name a metric in `metric_list`",
    "custom_dataset": "it runs code: write the documents into a data file",
    "include": "write the keys of the included file here",
    "group": "one submission is one task: put all items in its data file",
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


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _until(value: Any) -> Any:  # noqa: ANN401 (what YAML holds)
    texts = [value] if isinstance(value, str) else value
    if (
        isinstance(texts, list)
        and len(texts) <= 20
        and all(isinstance(text, str) and 0 < len(text) < 100 for text in texts)
    ):
        return tuple(texts)
    raise ValueError('write one text that ends the answer or a list of up to 20, such as ["\\n", "Question:"]')


def _greedy(value: Any) -> Any:  # noqa: ANN401 (what YAML holds)
    if value not in (False, 0, 0.0):
        raise ValueError("leave it out: models write the most likely token, so that a run can be repeated")
    return value


FilterName = Literal["remove_whitespace", "lowercase", "uppercase", "take_first"]


def _filter(value: Any) -> Any:  # noqa: ANN401 (what YAML holds)
    known = get_args(FilterName)
    if value not in known:
        raise ValueError(f"{repr(value)[:60]} is not run; the functions are {', '.join(known)}")
    return value


class Metric(_Strict):
    """One entry of `metric_list`."""

    metric: Literal["acc", "acc_norm", "exact_match"]
    aggregation: Literal["mean"] = "mean"
    higher_is_better: Literal[True] = True
    ignore_case: bool = False
    ignore_punctuation: bool = False
    ignore_numbers: bool = False


class GenerationKwargs(_Strict):
    """How a model writes: always the most likely token, until one of the texts or so many tokens."""

    until: Annotated[tuple[str, ...], BeforeValidator(_until)] = ()
    max_gen_toks: StrictInt = Field(default=256, ge=1, le=MAX_GENERATED_TOKENS)
    do_sample: Annotated[Literal[False], BeforeValidator(_greedy)] = False
    temperature: Annotated[float, BeforeValidator(_greedy)] = 0.0


class Filter(_Strict):
    """One step of a filter: what happens to a generated text before it is compared."""

    function: Annotated[FilterName, BeforeValidator(_filter)]


class FilterChain(_Strict):
    """One entry of `filter_list`: steps, in order."""

    name: str
    filter: tuple[Filter, ...] = Field(max_length=10)


class FewshotConfig(_Strict):
    """How examples are chosen: the first ones of their split, in order."""

    sampler: Literal["first_n"]


def _data_files(value: Any) -> Any:  # noqa: ANN401 (what YAML holds)
    """A file, a list of files (both are the split `train`, as in `datasets`) or a mapping -> split -> files."""
    given = value if isinstance(value, Mapping) else {"train": value}
    splits = {split: [files] if isinstance(files, str) else files for split, files in given.items()}
    for files in splits.values():
        if not isinstance(files, list) or not files or not all(isinstance(file, str) for file in files):
            raise ValueError("give a file, or a list of files, for each split")
    if not splits:
        raise ValueError("name at least one split and its file")
    return {split: [_inside(file) for file in files] for split, files in splits.items()}


def _inside(file: str) -> str:
    """Return the path in normal form. Raises ValueError unless it stays in the folder of task.yaml."""
    shown = f"`{file}`" if file.isprintable() else repr(file)
    if "://" in file:
        raise ValueError(f"{shown[:100]} would be fetched, and nothing is fetched: put the file into the submission")
    if not file or file.startswith(("/", "~")) or "\\" in file or ":" in file or ".." in PurePosixPath(file).parts:
        raise ValueError(
            f"{shown[:100]} must be a path inside the submission, relative to task.yaml, such as test.jsonl"
        )
    if set(file) & set("*?[]"):
        raise ValueError(f"{shown[:100]} is a pattern: name the files one by one")
    return unicodedata.normalize("NFC", str(PurePosixPath(file)))


def _choices(value: Any) -> Any:  # noqa: ANN401 (what YAML holds)
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(choice, str) for choice in value):
        return tuple(value)
    raise ValueError("write a template, a field's name or a list of texts; put yes, no and numbers in quotes")


def _target(value: Any) -> Any:  # noqa: ANN401 (what YAML holds)
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise ValueError("write a field's name, a template or the right choice's number, counted from 0")


def _dataset_path(value: Any) -> Any:  # noqa: ANN401 (what YAML holds)
    if value not in ("json", "csv", "parquet"):
        raise ValueError(
            f"{repr(value)[:80]} is not json, csv or parquet, and nothing is fetched from the Hub: put the documents "
            "in a file, write `dataset_path: json` and name the file under `dataset_kwargs: data_files`"
        )
    return value


class DatasetKwargs(_Strict):
    """Where the documents are."""

    data_files: Annotated[dict[str, tuple[str, ...]], BeforeValidator(_data_files)]


class Task(_Strict):
    """A task. Keys and defaults are those of lm-evaluation-harness."""

    task: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    tag: str | list[str] | None = None
    dataset_path: Annotated[Literal["json", "csv", "parquet"], BeforeValidator(_dataset_path)]
    dataset_kwargs: DatasetKwargs
    output_type: Literal["multiple_choice", "generate_until"]
    test_split: str
    fewshot_split: str | None = None
    num_fewshot: StrictInt | None = Field(default=None, ge=0, le=MAX_FEWSHOT)
    fewshot_config: FewshotConfig | None = None
    description: str = ""
    doc_to_text: str
    doc_to_choice: Annotated[str | tuple[str, ...] | None, BeforeValidator(_choices)] = None
    doc_to_target: Annotated[str | StrictInt, BeforeValidator(_target)]
    target_delimiter: str = " "
    fewshot_delimiter: str = "\n\n"
    generation_kwargs: GenerationKwargs | None = None
    filter_list: tuple[FilterChain, ...] = Field(default=(), max_length=1)
    metric_list: tuple[Metric, ...] = Field(min_length=1)
    metadata: dict[str, Any] | None = None

    @property
    def metric(self) -> str:
        """The metric that makes the curve: the first of `metric_list`."""
        return self.metric_list[0].metric

    @property
    def higher_is_better(self) -> bool:
        """Whether a larger value of the metric is a better model."""
        return self.metric_list[0].higher_is_better

    @property
    def generation(self) -> GenerationKwargs:
        """How a model writes; without other words of the task, until the few-shot delimiter."""
        given = self.generation_kwargs or GenerationKwargs()
        return given if given.until else given.model_copy(update={"until": (self.fewshot_delimiter,)})

    @property
    def filters(self) -> tuple[FilterName, ...]:
        """What happens to a generated text before it is compared, in order."""
        return tuple(step.function for chain in self.filter_list for step in chain.filter)

    @property
    def shots(self) -> int:
        """The number of examples before each item."""
        return self.num_fewshot or 0

    @property
    def data_files(self) -> dict[str, tuple[str, ...]]:
        """Files of each split, relative to task.yaml."""
        return self.dataset_kwargs.data_files

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        self._check_output_type()
        splits = ", ".join(self.data_files)
        for key, split in (("test_split", self.test_split), ("fewshot_split", self.fewshot_split)):
            if split is not None and split not in self.data_files:
                raise ValueError(f"{key}: data_files has no split {split!r}; it has {splits}")
        if self.shots and self.fewshot_split is None:
            raise ValueError(
                f"num_fewshot: {self.shots} examples need a fewshot_split to come from; it may be {splits}"
            )
        if self.shots and self.fewshot_config is None:
            raise ValueError(
                "fewshot_config: write `fewshot_config: {sampler: first_n}`: examples are not drawn at random"
            )
        for file in (file for files in self.data_files.values() for file in files):
            extensions = EXTENSIONS[self.dataset_path]
            if not file.lower().endswith(extensions):
                raise ValueError(
                    f"dataset_path: `{file}` does not fit `{self.dataset_path}`, which reads {' and '.join(extensions)}"
                )
        return self

    def _check_output_type(self) -> None:
        generates = self.output_type == "generate_until"
        if generates and self.doc_to_choice is not None:
            raise ValueError("doc_to_choice: generate_until has no choices: leave it out, or write multiple_choice")
        if not generates and self.doc_to_choice is None:
            raise ValueError("doc_to_choice: the key is missing; multiple_choice needs it")
        if not generates and (self.generation_kwargs is not None or self.filter_list):
            raise ValueError("generation_kwargs and filter_list: only for generate_until: leave them out")
        if generates and not self.fewshot_delimiter and not (self.generation_kwargs and self.generation_kwargs.until):
            raise ValueError("generation_kwargs: write `until`, the texts that end an answer")
        for metric in self.metric_list:
            if generates != (metric.metric == "exact_match"):
                fitting = "exact_match" if generates else "acc and acc_norm"
                raise ValueError(f"metric_list: {self.output_type} has the metrics {fitting}, not {metric.metric}")


def load_task(path: Path) -> Task:
    """Read a task.yaml in UTF-8. Raises SubmissionError naming the key and what to write instead."""
    value = read_yaml(path.read_text(encoding="utf-8-sig"), path.name)
    if not isinstance(value, dict):
        raise SubmissionError(
            f"{path.name}: a task is a mapping of keys, such as `task: my-task`; see the example tasks"
        )
    for key in value:
        _refuse_unknown(key, path.name)
    try:
        return Task.model_validate(value)
    except ValidationError as error:
        message = _explained(error)
        message = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in message)
        raise SubmissionError(f"{path.name}: {message}") from None


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
    place = ".".join(str(part) for part in first["loc"] if part not in ("str", "int", "list[str]"))
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "missing":
        return f"{place}: the key is missing; add it"
    if first["type"] == "extra_forbidden":
        return f"{place}: this key is not read; remove it"
    if first["type"] == "value_error":
        return f"{place}: {message}" if place else message
    if place == "task":
        message = "a task's name has letters, digits, - _ . and at most 64 of them"
    return " ".join(f"{place}: {message}; it is {repr(first['input'])[:80]}".split())
