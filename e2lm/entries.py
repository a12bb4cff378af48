"""entries.yaml or entries.json: whose run it is, and what the fact sheet says about it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from e2lm_ingestion.errors import OrganizerError


def _web_address(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and value.isprintable() and " " not in value
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(f"{value[:80]!r} is no web address; give one that starts with https:// or http://")
    return value


class Entry(BaseModel):
    """One run's team and fact sheet; every field may be missing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    team: str = Field(default="", max_length=200)
    owner: str = Field(default="", max_length=200)  # the account on Codabench
    student: bool = False  # the team shows that its members are students
    method: str = Field(default="", max_length=5000)
    code: Annotated[str, Field(max_length=500), AfterValidator(_web_address)] | None = None
    licence: str = Field(default="", max_length=100)
    compute: str = Field(default="", max_length=500)
    not_ranked: str = Field(default="", max_length=500)  # why it is shown without a place, such as a baseline


class _EntriesFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    entries: dict[str, Entry]  # by the name of the run's folder


class _Loader(yaml.SafeLoader):
    """SafeLoader that refuses what it would else drop: the first of two equal keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]  # type: ignore[no-untyped-call]
        _once([(str(key), None) for key in keys])
        return super().construct_mapping(node, deep)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    for key, value in pairs:
        if key in seen:
            raise ValueError(f"{key[:80]!r} stands twice; keep one")
        seen[key] = value
    return seen


def load_entries(path: Path) -> dict[str, Entry]:
    """Entries by the name of the run's folder. Raises OrganizerError naming the file, the run and the field."""
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text, object_pairs_hook=_once) if path.suffix == ".json" else yaml.load(text, _Loader)
    except OSError as error:
        raise OrganizerError(f"{path}: unreadable ({error.strerror})") from None
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise OrganizerError(f"{path}: {' '.join(str(error).split())}") from None
    try:
        return _EntriesFile.model_validate(content).entries
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        said = first["msg"].removeprefix("Value error, ")
        raise OrganizerError(f"{path}: {place}: {said}; docs/ranking.md has the format") from None
