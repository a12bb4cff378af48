"""The organizers' YAML files, each checked as a model; a mistake is one line with the file, the key and the remedy.

A key that stands twice is an error; YAML itself would silently keep the last one.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from e2lm_ingestion.errors import OrganizerError

_Model = TypeVar("_Model", bound=BaseModel)
# The beginning of a type of pydantic's errors -> what to write.
WANTED = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "date": "a day as YYYY-MM-DD",
    "string_type": "a text, in quotes if it looks like a number",
    "tuple": "a list in brackets: [one, two]",
    "list": "a list in brackets: [one, two]",
    "dict": "keys with values",
    "model": "keys with values",
}


class UniqueKeyLoader(yaml.SafeLoader):
    """SafeLoader that raises yaml.YAMLError, naming key and line, for a key that stands twice in one mapping."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """The mapping of a node whose keys are all different."""
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.YAMLError(f"line {key.start_mark.line + 1}: the key `{key.value}` stands twice; keep one")
            if isinstance(key.value, str):
                seen.add(key.value)
        return super().construct_mapping(node, deep)


@dataclass(frozen=True, slots=True)
class Remedies:
    """What messages about the keys of one kind of file say."""

    unknown: str = "not a key of this file"
    instead: Mapping[str, str] = field(default_factory=dict)  # unknown key -> what to do
    missing: Mapping[str, str] = field(default_factory=dict)  # missing key -> what to do, where "add it" is too little


def read_model(path: Path, model: type[_Model], purpose: str, remedies: Remedies | None = None) -> _Model:
    """Read a file of the organizers. Raises OrganizerError; `purpose` says of a missing file what it is for."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise OrganizerError(f"{path}: there is no such file; {purpose}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise OrganizerError(f"{path}: not a readable text file: {error}") from None
    return parse_model(text, model, str(path), remedies)


def parse_model(text: str, model: type[_Model], name: str, remedies: Remedies | None = None) -> _Model:
    """Check the text of a file. Raises OrganizerError, which begins with `name`."""
    try:
        content = yaml.load(text, UniqueKeyLoader)
        if not isinstance(content, dict):
            needed = [key for key, one in model.model_fields.items() if one.is_required()]
            raise OrganizerError(f"{name}: holds no keys; it needs {', '.join(needed)}")
        return model.model_validate(content)
    except yaml.YAMLError as error:
        raise OrganizerError(f"{name}: not YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        # unknown keys first: one is often the misspelling of a missing one
        first = min(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
        raise OrganizerError(f"{name}: {_explain(first, model, remedies or Remedies())}") from None
    except ValueError as error:  # a date that does not exist
        raise OrganizerError(f"{name}: not YAML: {error}; put a text that looks like a date in quotes") from None


def _explain(error: ErrorDetails, model: type[BaseModel], remedies: Remedies) -> str:
    location = ".".join(str(part) for part in error["loc"]) or "the file"
    key = str(error["loc"][-1]) if error["loc"] else ""
    if error["type"] == "extra_forbidden":
        remedy = remedies.instead.get(key) or _nearest(key, _keys_beside(error["loc"], model))
        return f"{location}: {remedies.unknown}; {remedy}"
    if error["type"] == "missing":
        return f"{location}: missing; {remedies.missing.get(key, 'add it')}"
    message = " ".join(error["msg"].removeprefix("Value error, ").split()) + _remedy(error)
    return f"{location}: {message}" if error["loc"] else message


def _remedy(error: ErrorDetails) -> str:
    """What stands there, and what to write instead; "" for a message that says so itself."""
    if error["type"] in {"value_error", "assertion_error"}:
        return ""
    value = error["input"]
    stands = f", not {value!r}" if isinstance(value, str | int | float | None) and len(repr(value)) <= 60 else ""
    wanted = next((words for start, words in WANTED.items() if error["type"].startswith(start)), "")
    return f"{stands}; write {wanted}" if wanted else f"{stands}; correct it"


def _nearest(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    return f"did you mean {close[0]}?" if close else f"remove it; the keys there are {', '.join(known)}"


def _keys_beside(location: tuple[int | str, ...], model: type[BaseModel]) -> list[str]:
    """The keys of the mapping in which the last part of a location stands."""
    for part in location[:-1]:
        if part in model.model_fields:
            model = next(_models(model.model_fields[str(part)].annotation), model)
    return list(model.model_fields)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 (what a type hint holds)
    """The models in a type hint."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
