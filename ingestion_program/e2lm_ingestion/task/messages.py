"""pydantic's errors -> lines in the words of YAML: key, what is wrong, what to write."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.task.task_parts import DatasetKwargs, FewshotConfig, Filter, FilterChain, GenerationKwargs, Metric

SEPARATOR = "\n"  # between the problems that one ValueError tells
_Model = TypeVar("_Model", bound=BaseModel)
_PARTS: Mapping[str, type[BaseModel]] = {
    "dataset_kwargs": DatasetKwargs,
    "fewshot_config": FewshotConfig,
    "generation_kwargs": GenerationKwargs,
    "filter_list": FilterChain,
    "filter": Filter,
    "metric_list": Metric,
}
_EXAMPLES = {
    "dataset_kwargs": "dataset_kwargs: {data_files: {test: test.jsonl}}",
    "fewshot_config": "fewshot_config: {sampler: first_n}",
    "generation_kwargs": 'generation_kwargs: {until: ["\\n"]}',
    "filter_list": "- {name: words, filter: [{function: remove_whitespace}]}",
    "filter": "- {function: remove_whitespace}",
    "metric_list": "- {metric: acc}",
    "aggregate_metric_list": "- {metric: acc}",
    "samples": '- {question: "What is ice made of?", answer: water}',
}
# pydantic's kind of error -> what to write; {} are values of its context.
_WRITE = {
    "string_type": "write a text; put numbers, dates, yes and no in quotes",
    "int_type": "write a whole number without quotes",
    "int_from_float": "write a whole number",
    "int_parsing": "write a whole number",
    "float_type": "write a number without quotes",
    "float_parsing": "write a number",
    "bool_type": "write true or false",
    "bool_parsing": "write true or false",
    "greater_than_equal": "write a number of {ge} or more",
    "less_than_equal": "write a number of {le} or less",
    "string_too_short": "write a text of at least {min_length} characters",
    "string_too_long": "write a text of at most {max_length} characters",
    "too_short": "write a list with at least {min_length} item",
    "too_long": "write at most {max_length} items",
    "list_type": "write a list, such as [a, b]",
    "tuple_type": "write a list, such as [a, b]",
    "string_pattern_mismatch": "write a name of letters, digits, - and _",
    "literal_error": "write {expected}",
    "finite_number": "write a finite number",
}
_OTHER_NAMES = {  # of keys, in the words of other programs -> here, of which the place has one
    "name": ("metric", "function"),
    **dict.fromkeys(("stop", "stop_sequences", "stop_sequence", "eos"), ("until",)),
    **dict.fromkeys(("max_new_tokens", "max_tokens", "max_length", "max_gen_tokens"), ("max_gen_toks",)),
    **dict.fromkeys(("pattern", "regex"), ("regex_pattern",)),
    **dict.fromkeys(("steps", "filters"), ("filter",)),
    **dict.fromkeys(("formula", "code"), ("expression",)),
    **dict.fromkeys(("files", "data_file", "file"), ("data_files",)),
}
_LISTS = ("filter_list", "filter", "metric_list", "samples")
_MAPPINGS = ("dict_type", "model_type", "model_attributes_type", "mapping_type")


def validated(model: type[_Model], value: Mapping[str, Any], name: str) -> _Model:
    """The checked model. Raises SubmissionError with every problem; `name` is the file's."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        found = [f"{name}: {line}" for one in _each(error) for line in _lines(one, model)]
        raise SubmissionError(*dict.fromkeys(map(_printable, found))) from None


def line_of(error: ValidationError, model: type[BaseModel]) -> str:
    """The first problem alone."""
    return _printable(next(line for one in _each(error) for line in _lines(one, model)))


def shown_key(key: str) -> str:
    """A key, made safe for one line."""
    return f"`{key}`" if key.isprintable() and len(key) <= 60 else repr(key[:60])


def _printable(message: str) -> str:
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in message)


def _each(error: ValidationError) -> Iterator[dict[str, Any]]:
    """One error for each place: where several types were tried, pydantic has one for each of them."""
    seen = set()
    found = error.errors(include_url=False)
    places = [_place(one["loc"]) for one in found]
    for one, place in zip(found, places, strict=True):
        inner = [other for other in places if len(other) > len(place) and other[: len(place)] == place]
        if one["type"] == "too_short" and inner:
            continue  # a list of wrong entries counts as empty
        if place not in seen or one["type"] == "extra_forbidden":
            seen.add(place)
            yield dict(one)


def _place(location: tuple[int | str, ...]) -> tuple[int | str, ...]:
    tags = ("str", "int", "list[", "tuple[", "dict[")  # which of several types was tried
    return tuple(part for part in location if isinstance(part, int) or not part.startswith(tags))


def _lines(one: dict[str, Any], model: type[BaseModel]) -> list[str]:
    """The problems of one error."""
    place = _place(one["loc"])
    location, kind = ".".join(map(str, place)), one["type"]
    if kind == "value_error":
        texts = one["msg"].removeprefix("Value error, ").split(SEPARATOR)
        return [f"{location}: {text}" if location else text for text in texts]
    return [_line(one, place, location, kind, model)]


def _line(one: dict[str, Any], place: tuple[int | str, ...], location: str, kind: str, model: type[BaseModel]) -> str:
    if kind == "missing":
        return f"{location}: the key is missing; add it"
    names = [str(part) for part in place if isinstance(part, str)]
    if kind == "extra_forbidden":
        *above, key = names
        known = list((_PARTS.get(above[-1], model) if above else model).model_fields)
        if above[-1:] == ["filter_list"] and key in Filter.model_fields:
            return f"{location}: this key belongs under `filter`, as in `{_EXAMPLES['filter_list']}`"
        near = [one for one in _OTHER_NAMES.get(key, ()) if one in known]
        near = near or difflib.get_close_matches(key[:60], known, n=1)
        advice = f"did you mean `{near[0]}`?" if near else f"remove it; the keys there are {', '.join(known)}"
        return f"{location}: this key is not read; {advice}"
    if location in ("task", "group") and kind.startswith("string"):
        message = "a task's name has letters, digits, - _ . and at most 64 of them; write a date or a number in quotes"
    elif kind in _MAPPINGS:
        example = next((_EXAMPLES[name] for name in reversed(names) if name in _EXAMPLES), "key: value")
        if names and names[-1] == "metric_list" and isinstance(one["input"], str):
            example = f"- {{metric: {one['input'][:40]}}}"
        message = f"write keys and values, such as `{example}`"
    else:
        message = _WRITE.get(kind, one["msg"]).format_map(one.get("ctx", {}))
        if kind in ("list_type", "tuple_type") and names and names[-1] in _LISTS:
            message = f"write a list, such as `[{_EXAMPLES[names[-1]].removeprefix('- ')}]`"
        if kind == "literal_error" and isinstance(one["input"], str):
            options = [part.strip("'") for part in one["ctx"]["expected"].replace(" or ", ", ").split(", ")]
            near = difflib.get_close_matches(one["input"], options, n=1, cutoff=0.5)
            message += f" (did you mean {near[0]}?)" if near else ""
    return f"{location}: {message}; it is {_in_yaml(one['input'])[:80]}"


def _in_yaml(value: Any) -> str:  # noqa: ANN401 (what YAML holds)
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, dict | list) else repr(value)
