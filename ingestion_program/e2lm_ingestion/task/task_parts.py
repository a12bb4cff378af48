"""The parts of task.yaml: data files, examples, generation, filters, metrics. task.py puts them together."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, field_validator, model_validator

from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.metrics.builtin import MetricFormula, MetricSpec
from e2lm_ingestion.metrics.corpus import EXTRA, OF_TEXTS, is_installed
from e2lm_ingestion.metrics.expression import Expression, parse
from e2lm_ingestion.task.output_type_rules import RULES, OutputTypeName

MAX_FEWSHOT = 100
MAX_GENERATED_TOKENS = 512
SHOWN_METRICS = 8  # of a message
MAX_PATTERN = 1000  # characters of a regular expression


class Strict(BaseModel):
    """Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _data_files(value: Any) -> Any:  # noqa: ANN401 (what YAML holds)
    """A file, a list of files (both are the split `train`, as in `datasets`) or a mapping -> split -> files."""
    given = value if isinstance(value, Mapping) else {"train": value}
    splits = {split: [files] if isinstance(files, str) else files for split, files in given.items()}
    for files in splits.values():
        if not isinstance(files, list) or not files or not all(isinstance(file, str) for file in files):
            raise ValueError("give a file, or a list of files, for each split")
    if not splits:
        raise ValueError("name at least one split and its file")
    return {split: [inside(file) for file in files] for split, files in splits.items()}


def inside(file: str, example: str = "test.jsonl") -> str:
    """Return the path in normal form. Raises ValueError unless it stays in the folder of task.yaml."""
    shown = f"`{file}`" if file.isprintable() else repr(file)
    if "://" in file:
        raise ValueError(f"{shown[:100]} would be fetched, and nothing is fetched: put the file into the submission")
    if not file or file.startswith(("/", "~")) or "\\" in file or ":" in file or ".." in PurePosixPath(file).parts:
        raise ValueError(
            f"{shown[:100]} must be a path inside the submission, relative to task.yaml, such as {example}"
        )
    if set(file) & set("*?[]"):
        raise ValueError(f"{shown[:100]} is a pattern: name the files one by one")
    return unicodedata.normalize("NFC", str(PurePosixPath(file)))


class DatasetKwargs(Strict):
    """Where the documents are."""

    data_files: Annotated[dict[str, tuple[str, ...]], BeforeValidator(_data_files)]


def _kept_rows(value: Any) -> Any:  # noqa: ANN401 (what YAML holds)
    """field -> the values with which a row is kept; one value alone is a list of one."""
    if not isinstance(value, dict) or not value:
        raise ValueError("write a field and the values with which a row is kept, such as {subject: [physics, biology]}")
    fields = {str(field): own if isinstance(own, list) else [own] for field, own in value.items()}
    for field, own in fields.items():
        if not own or not all(isinstance(one, (str, int, float, type(None))) for one in own):
            raise ValueError(
                f"`{field[:60]}`: write a list of texts or numbers, such as [physics, biology]; dates are put in quotes"
            )
    return {field: tuple(own) for field, own in fields.items()}


KeptRows = Annotated[dict[str, tuple[Any, ...]], BeforeValidator(_kept_rows)]


def _choices(value: Any) -> Any:  # noqa: ANN401 (what YAML holds)
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list) and all(isinstance(choice, str) for choice in value):
        return tuple(value)
    raise ValueError("write a template, a field's name or a list of texts; put yes, no and numbers in quotes")


def _target(value: Any) -> Any:  # noqa: ANN401 (what YAML holds)
    scalars = value if isinstance(value, list) else [value]
    if scalars and all(isinstance(one, (str, int)) and not isinstance(one, bool) for one in scalars):
        return tuple(value) if isinstance(value, list) else value
    raise ValueError(
        "write a field's name, a template or the right choice's number, counted from 0; a list of them for several"
    )


Choices = Annotated[str | tuple[str, ...], BeforeValidator(_choices)]
Target = Annotated[str | StrictInt | tuple[str | StrictInt, ...], BeforeValidator(_target)]


def _plain(value: Any, location: str) -> None:  # noqa: ANN401 (what YAML holds)
    """Raise ValueError for values that JSON lacks, such as the dates that YAML reads from 2020-01-01."""
    if isinstance(value, dict):
        for key, inner in value.items():
            _plain(inner, f"{location}.{key}")
    elif isinstance(value, list):
        for inner in value:
            _plain(inner, location)
    elif not isinstance(value, (str, int, float, type(None))):
        raise ValueError(f"{location} is {str(value)[:40]}, a {type(value).__name__}: put it in quotes")


class FewshotConfig(Strict):
    """Where examples come from, which ones, and how they are written where that differs from the items."""

    sampler: Literal["default", "first_n"] = "default"
    split: str | None = None
    samples: tuple[dict[str, Any], ...] | None = Field(default=None, min_length=1, max_length=1000)
    doc_to_text: str | None = None
    doc_to_choice: Choices | None = None
    doc_to_target: Target | None = None
    target_delimiter: str | None = None
    fewshot_delimiter: str | None = None
    gen_prefix: str | None = None

    @property
    def keeps_choices(self) -> bool:
        """Whether examples have the items' choices; a null says that their target is the text of the answer."""
        return "doc_to_choice" not in self.model_fields_set

    @field_validator("samples", mode="before")
    @classmethod
    def _of_plain_values(cls, value: Any) -> Any:  # noqa: ANN401 (what YAML holds)
        _plain(value, "a sample")
        return value


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


class GenerationKwargs(Strict):
    """How a model generates: greedily, until one of the texts or a number of tokens."""

    until: Annotated[tuple[str, ...], BeforeValidator(_until)] = ()
    max_gen_toks: StrictInt = Field(default=256, ge=1, le=MAX_GENERATED_TOKENS)
    do_sample: Annotated[Literal[False], BeforeValidator(_greedy)] = False
    temperature: float = 0.0

    @model_validator(mode="after")
    def _repeatable(self) -> GenerationKwargs:
        if self.temperature and "do_sample" not in self.model_fields_set:
            raise ValueError(
                "temperature: write `do_sample: false` beside it, or leave it out: models write the most "
                "likely token, so that a run can be repeated"
            )
        return self


FilterName = Literal[
    "regex",
    "multi_choice_regex",
    "take_first",
    "take_first_k",
    "majority_vote",
    "map",
    "remove_whitespace",
    "lowercase",
    "uppercase",
]
PATTERNS = ("regex", "multi_choice_regex")
_OPTIONS: dict[str, tuple[str, ...]] = {
    "regex": ("regex_pattern", "group_select", "fallback"),
    "multi_choice_regex": (
        "regex_pattern",
        "group_select",
        "fallback",
        "ignore_case",
        "ignore_punctuation",
        "regexes_to_ignore",
    ),
    "take_first_k": ("k",),
    "map": ("mapping_dict", "default_value"),
}
Pattern = Annotated[str, Field(min_length=1, max_length=MAX_PATTERN)]


def _filter(value: Any) -> Any:  # noqa: ANN401 (what YAML holds)
    known = get_args(FilterName)
    if value not in known:
        near = difflib.get_close_matches(str(value)[:60], known, n=1)
        advice = f"did you mean {near[0]}?" if near else f"the functions are {', '.join(known)}"
        raise ValueError(f"{repr(value)[:60]} is not run; {advice}")
    return value


class Filter(Strict):
    """One step of a filter: what happens to a generated text before it is compared."""

    function: Annotated[FilterName, BeforeValidator(_filter)]
    regex_pattern: Pattern = r"#### (\-?[0-9\.\,]+)"
    group_select: StrictInt = 0
    fallback: str = "[invalid]"
    ignore_case: bool = False
    ignore_punctuation: bool = False
    regexes_to_ignore: tuple[Pattern, ...] = Field(default=(), max_length=20)
    k: Literal[1] = 1
    mapping_dict: dict[str, str] = Field(default={}, max_length=10_000)
    default_value: str = ""

    @model_validator(mode="after")
    def _reads_what_it_is_given(self) -> Filter:
        read = _OPTIONS.get(self.function, ())
        for key in self.model_fields_set - {"function", *read}:
            raise ValueError(f"{key}: {self.function} does not read it; it reads {', '.join(read) or 'nothing'}")
        return self


class FilterChain(Strict):
    """One entry of `filter_list`: steps, in order."""

    name: str
    filter: tuple[Filter, ...] = Field(max_length=10)


class Metric(Strict):
    """One entry of `metric_list`: a metric by its name, or an expression with a name of its own."""

    metric: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_+-]{0,39}$")
    expression: str | None = None
    aggregation: str = "mean"
    higher_is_better: bool | None = None
    regexes_to_ignore: tuple[Pattern, ...] = Field(default=(), max_length=20)
    ignore_case: bool = False
    ignore_punctuation: bool = False
    ignore_numbers: bool = False

    @field_validator("expression")
    @classmethod
    def _is_arithmetic(cls, source: str | None) -> str | None:
        if source is not None:
            try:
                parse(source)
            except SubmissionError as error:
                raise ValueError(str(error).removeprefix("expression: ")) from None
        return source

    @cached_property
    def parsed(self) -> Expression | None:
        """The expression, if it is one."""
        return None if self.expression is None else parse(self.expression)

    def spec(self, output_type: OutputTypeName) -> MetricSpec:
        """The built-in metric of the output type, or what an expression makes one."""
        if self.parsed is not None:
            return MetricSpec(MetricFormula(self.parsed))
        return RULES[output_type].metrics[self.metric]

    def formula(self, output_type: OutputTypeName) -> MetricFormula:
        """How log-likelihoods become this metric, which is one of the output type's."""
        formula = self.spec(output_type).formula
        assert formula is not None  # it is a metric of texts, which are compared
        return formula

    def is_better_higher(self, output_type: OutputTypeName) -> bool:
        """Whether a larger value is a better model: as written, else as the metric has it."""
        return self.spec(output_type).higher_is_better if self.higher_is_better is None else self.higher_is_better


_OTHER_NAMES = {  # of metrics, elsewhere -> here, of which the output type has one
    **dict.fromkeys(("accuracy", "acc_raw", "mc1"), ("acc", "exact_match")),
    **dict.fromkeys(("accuracy_norm", "acc_normalized", "normalized_accuracy", "acc_char"), ("acc_norm",)),
    **dict.fromkeys(("acc_norm_bytes", "acc_per_byte"), ("acc_bytes",)),
    **dict.fromkeys(("em", "exact", "quasi_exact_match"), ("exact_match",)),
    **dict.fromkeys(("f1_score", "token_f1", "squad_f1"), ("f1",)),
    **dict.fromkeys(("ppl", "bpb"), ("perplexity", "bits_per_byte")),
    **dict.fromkeys(("likelihood", "logprob", "log_prob"), ("correct_logprob",)),
    **dict.fromkeys(("matthews", "matthews_corrcoef", "matthews_correlation"), ("mcc",)),
    **dict.fromkeys(("sacrebleu", "bleu_score"), ("bleu",)),
    **dict.fromkeys(("mc2", "probability", "prob"), ("norm_correct_prob",)),
}


def _some_of(named: Iterable[str], output_type: str) -> str:
    first, others = list(named)[:SHOWN_METRICS], list(named)[SHOWN_METRICS:]
    if not others:
        return f"it has {', '.join(first)}"
    return f"it has {', '.join(first)} and {len(others)} others, which `e2lm metrics {output_type}` explains"


def check_metric(metric: Metric, output_type: OutputTypeName) -> None:
    """Raise ValueError unless it is a metric of the output type, with options and aggregation of its own."""
    rules = RULES[output_type]
    named = rules.metrics
    options = metric.model_fields_set - {"metric", "expression", "aggregation", "higher_is_better"}
    if options and not (metric.metric in named and named[metric.metric].has_options):
        readers = (
            f"{name} of {kind}" for kind, own in RULES.items() for name in own.metrics if own.metrics[name].has_options
        )
        raise ValueError(f"metric_list: {min(options)} is read by {' and '.join(readers)} alone")
    if metric.expression is not None:
        if rules.generates:
            raise ValueError(f"metric_list: an expression is over log-likelihoods, and {output_type} has none")
        if any(metric.metric in own.metrics for own in RULES.values()):
            raise ValueError(f"metric_list: {metric.metric} is a metric already; give the expression another name")
    elif metric.metric not in named:
        near = difflib.get_close_matches(metric.metric.lower(), named, n=1)
        near = [other for other in _OTHER_NAMES.get(metric.metric.lower(), ()) if other in named] or near
        advice = f"did you mean {near[0]}?" if near else _some_of(named, output_type)
        if metric.metric.lower().startswith("rouge"):  # lm-evaluation-harness has it in the code of tasks alone
            advice = "for words that two texts share write f1, for pieces of words chrf"
        raise ValueError(f"metric_list: {output_type} has no metric {metric.metric}; {advice}")
    if rules.generates and metric.metric in OF_TEXTS and not is_installed():
        raise ValueError(
            f"metric_list: {metric.metric} needs {EXTRA}, which is not installed: pip install {EXTRA}, or take f1"
        )
    aggregation = metric.spec(output_type).aggregation
    if "aggregation" in metric.model_fields_set and metric.aggregation != aggregation:
        raise ValueError(f"metric_list: the aggregation of {metric.metric} is {aggregation}, not {metric.aggregation}")
