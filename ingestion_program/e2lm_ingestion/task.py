"""task.yaml -> Task: the declarative keys of lm-evaluation-harness, with the same meaning."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, ValidationError, model_validator

from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.strict_yaml import read_yaml

EXTENSIONS = {"json": (".jsonl", ".json"), "csv": (".csv",), "parquet": (".parquet",)}
MAX_FEWSHOT = 100

# What lm-evaluation-harness reads and this program does not, and what to do instead.
_SPLIT = "leave it out: items come from `test_split`, examples from `fewshot_split`"
_ONE_TYPE = "leave it out: answers are scored by their log-likelihood, nothing is generated or filtered"
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
    "generation_kwargs": _ONE_TYPE,
    "filter_list": _ONE_TYPE,
    "repeats": _ONE_TYPE,
    "should_decontaminate": "leave it out: it is not run",
    "doc_to_decontamination_query": "leave it out: it is not run",
    "doc_to_image": "the models read text alone: leave it out",
    "doc_to_audio": "the models read text alone: leave it out",
    "gen_prefix": "end `doc_to_text` with it",
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Metric(_Strict):
    """One entry of `metric_list`."""

    metric: Literal["acc", "acc_norm"]
    aggregation: Literal["mean"] = "mean"
    higher_is_better: Literal[True] = True


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
    """A multiple-choice task. Keys and defaults are those of lm-evaluation-harness."""

    task: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    tag: str | list[str] | None = None
    dataset_path: Annotated[Literal["json", "csv", "parquet"], BeforeValidator(_dataset_path)]
    dataset_kwargs: DatasetKwargs
    output_type: Literal["multiple_choice"]
    test_split: str
    fewshot_split: str | None = None
    num_fewshot: StrictInt | None = Field(default=None, ge=0, le=MAX_FEWSHOT)
    fewshot_config: FewshotConfig | None = None
    description: str = ""
    doc_to_text: str
    doc_to_choice: Annotated[str | tuple[str, ...], BeforeValidator(_choices)]
    doc_to_target: Annotated[str | StrictInt, BeforeValidator(_target)]
    target_delimiter: str = " "
    fewshot_delimiter: str = "\n\n"
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
    def shots(self) -> int:
        """The number of examples before each item."""
        return self.num_fewshot or 0

    @property
    def data_files(self) -> dict[str, tuple[str, ...]]:
        """Files of each split, relative to task.yaml."""
        return self.dataset_kwargs.data_files

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
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
