"""Write docs/task-reference.md from the models that read task.yaml, so that it has every key and no other.

python docs/task_reference.py [docs/task-reference.md]
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from e2lm_ingestion.task.task import REFUSED_KEYS, AggregateMetric, Group, Task
from e2lm_ingestion.task.task_parts import DatasetKwargs, FewshotConfig, Filter, FilterChain, GenerationKwargs, Metric

OPENING = """\
# Every key of task.yaml

Written by `python docs/task_reference.py` from the models that read the file; a test fails when the two differ. What
the keys do together is told in [task-language.md](task-language.md). Beside these, `include: base.yaml` names a file of
the submission, or several, whose keys come first.
"""
_TEMPLATE = "a field's name or a template"
# (example as it stands in YAML, what it is for), by model and key.
KEYS: Mapping[type[BaseModel], Mapping[str, tuple[str, str]]] = {
    Task: {
        "task": ("my-task", "the task's name"),
        "tag": ("science", "kept, without effect"),
        "dataset_path": ("json", "the kind of the data files; json reads .jsonl and .json"),
        "dataset_kwargs": ("{data_files: {test: test.jsonl, dev: dev.jsonl}}", "the data files"),
        "output_type": ("multiple_choice", "what a model is asked"),
        "test_split": ("test", "where the items come from"),
        "fewshot_split": ("dev", "where the examples come from"),
        "num_fewshot": ("5", "examples before each item"),
        "fewshot_config": ("{sampler: first_n}", "which examples, and how they are written"),
        "description": (r'"Questions about {{subject}}.\n\n"', "text before everything, once"),
        "doc_to_text": (r'"Question: {{question}}\nAnswer:"', f"the prompt: {_TEMPLATE}"),
        "doc_to_choice": ('"{{choices}}"', "the choices: a field's name, a template that prints a list, or a list"),
        "doc_to_target": ("answer", "the right choice, its number or its text, or several"),
        "target_delimiter": ('" "', "between the prompt and each choice"),
        "fewshot_delimiter": (r'"\n\n"', "after each example"),
        "generation_kwargs": (r'{until: ["\n"]}', "how a model writes; generate_until alone"),
        "filter_list": ("[{name: words, filter: [{function: lowercase}]}]", "what happens to a written answer"),
        "metric_list": ("[{metric: acc}]", "the first metric makes the curve"),
        "metadata": ("{version: 1}", "kept, without effect"),
    },
    DatasetKwargs: {"data_files": ("{test: [a.jsonl, b.jsonl]}", "a file or files for each split")},
    FewshotConfig: {
        "sampler": ("first_n", "the first documents, or drawn for each item with a fixed seed"),
        "split": ("dev", "as fewshot_split"),
        "samples": (
            '[{question: "What is ice made of?", answer: water}]',
            "the examples themselves, instead of a split",
        ),
        "doc_to_text": (r'"Q: {{question}}\nA:"', "the prompt of examples, where it differs"),
        "doc_to_choice": ("null", "the choices of examples; null: their target is the answer's text"),
        "doc_to_target": ('"{{answer}}"', "the target of examples"),
        "target_delimiter": ('" "', "between prompt and target of examples"),
        "fewshot_delimiter": (r'"\n\n"', "after each example"),
    },
    GenerationKwargs: {
        "until": (r'["\n", "Question:"]', "texts that end an answer; without them, the few-shot delimiter"),
        "max_gen_toks": ("16", "the most tokens of an answer"),
        "do_sample": ("false", "only false: a run can be repeated"),
        "temperature": ("0.0", "without effect"),
    },
    FilterChain: {
        "name": ("words", "its name"),
        "filter": ("[{function: remove_whitespace}, {function: lowercase}]", "steps, in order"),
    },
    Filter: {
        "function": ("regex", "what it does"),
        "regex_pattern": (r"'answer is (\w+)'", "what is looked for"),
        "group_select": ("-1", "which match: 0 the first, -1 the last"),
        "fallback": ('"[invalid]"', "the text without a match"),
        "ignore_case": ("true", "multi_choice_regex: small and capital letters are one"),
        "ignore_punctuation": ("true", "multi_choice_regex: punctuation is left out"),
        "regexes_to_ignore": (r"['\$']", "multi_choice_regex: patterns that are left out"),
        "k": ("1", "take_first_k: a model writes one text"),
        "mapping_dict": ('{"yes": "true"}', "map: what becomes what"),
        "default_value": ('"unknown"', "map: the text that stands for all others"),
    },
    Metric: {
        "metric": ("acc_norm", "a metric's name, or one of your own beside expression"),
        "expression": ('"ll[gold] - max(ll[~gold])"', "arithmetic over the choices of an item"),
        "aggregation": ("mean", "as the metric has it"),
        "higher_is_better": ("true", "the direction; as the metric has it when left out"),
        "regexes_to_ignore": (r"['\$']", "exact_match of generate_until: patterns that are left out"),
        "ignore_case": ("true", "exact_match of generate_until"),
        "ignore_punctuation": ("true", "exact_match of generate_until"),
        "ignore_numbers": ("true", "exact_match of generate_until"),
    },
    Group: {
        "group": ("my-group", "the name of several tasks that are scored as one"),
        "task": ("[my-physics, my-chemistry]", "their names; each has a YAML file of its own"),
        "aggregate_metric_list": ("[{metric: acc, weight_by_size: false}]", "how their scores become one"),
        "metadata": ("{version: 1}", "kept, without effect"),
        "tag": ("science", "kept, without effect"),
    },
    AggregateMetric: {
        "metric": ("acc", "the first metric of the tasks"),
        "aggregation": ("mean", "only mean"),
        "weight_by_size": ("false", "true: every item weighs the same; false: every task"),
        "filter_list": ("words", "kept, without effect"),
    },
}
TITLES: Mapping[type[BaseModel], str] = {
    Task: "A task",
    DatasetKwargs: "`dataset_kwargs`",
    FewshotConfig: "`fewshot_config`",
    GenerationKwargs: "`generation_kwargs`",
    FilterChain: "An entry of `filter_list`",
    Filter: "A step of `filter`",
    Metric: "An entry of `metric_list`",
    Group: "A group: task.yaml that lists tasks",
    AggregateMetric: "An entry of `aggregate_metric_list`",
}


def reference() -> str:
    """The whole page. Raises KeyError for a key of a model that has no example here."""
    parts = [OPENING]
    for model, title in TITLES.items():
        rows = [
            _row(key, field, *KEYS[model][key], alone=model in (Task, Group))
            for key, field in model.model_fields.items()
        ]
        parts.append(
            f"## {title}\n\n| key | values | default | example | meaning |\n|---|---|---|---|---|\n" + "\n".join(rows)
        )
    refused = "\n".join(f"| `{key}` | {advice} |" for key, advice in sorted(REFUSED_KEYS.items()))
    parts.append(f"## Keys of lm-evaluation-harness that are refused\n\n| key | instead |\n|---|---|\n{refused}")
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _row(key: str, field: FieldInfo, example: str, meaning: str, *, alone: bool) -> str:
    written = f"{key}: {example}" if alone else example
    cells = (f"`{key}`", values(field.annotation) + _limits(field), _default(field), f"`{written}`", meaning)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def values(annotation: Any) -> str:  # noqa: ANN401 (any type there is)
    """A type in the words of someone who writes YAML."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{str(one).lower() if isinstance(one, bool) else one}`" for one in inner)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(values(one) for one in inner if one is not type(None)))
    if origin in (list, tuple):
        return "list"
    if origin is dict or (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return "mapping"
    if hasattr(annotation, "__metadata__"):
        return values(inner[0])
    names = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    return names[annotation]


def _limits(field: FieldInfo) -> str:
    marks = {"ge": "at least", "le": "at most", "min_length": "at least", "max_length": "at most"}
    found = [
        f"{word} {getattr(one, mark):,}" for one in field.metadata for mark, word in marks.items() if hasattr(one, mark)
    ]
    return f" ({', '.join(found)})" if found else ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if value is None or value == () or value == {} or isinstance(value, BaseModel):
        return "none"
    return f"`{str(value).lower()}`" if isinstance(value, bool) else f"`{value!r}`".replace("'", '"')


if __name__ == "__main__":
    Path(sys.argv[1] if len(sys.argv) > 1 else "docs/task-reference.md").write_text(reference(), encoding="utf-8")
