"""JSON files of other tools: parsed fast, and refused in one line where they are damaged."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from e2lm_ingestion.errors import OrganizerError


def read_json(path: Path) -> Any:  # noqa: ANN401 (any JSON value)
    """The content of a JSON file. Raises OrganizerError for a file that is cut short or not JSON."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise OrganizerError(f"{path}: not readable: {error.strerror}") from None
    try:
        return from_json(content, cache_strings="keys")
    except ValueError as error:
        raise OrganizerError(f"{path}: {_damage(error, content)}; delete it, or run that checkpoint again") from None


def _damage(error: ValueError, content: bytes) -> str:
    if not content.strip():
        return "empty"
    if "EOF" in str(error):
        return "not complete: the JSON in it ends too early"
    return f"not JSON ({error})"


def numbers_of(values: object, location: str) -> Iterator[tuple[str, float]]:
    """The numbers among the values of an object; a standard error that is NaN is not known and left out.

    Raises OrganizerError, with `location`, for a score that is NaN or infinite.
    """
    for name, value in values.items() if isinstance(values, Mapping) else ():
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if not math.isfinite(value):
            if "stderr" in str(name):
                continue
            raise OrganizerError(
                f"{location}: {name} is {value}, not a finite number; run that checkpoint again, or move its file away"
            )
        yield str(name), float(value)


def mapping(value: object) -> dict[str, Any]:
    """The value where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}
