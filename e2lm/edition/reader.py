"""Reads edition.yaml; a mistake is one line with the key and the remedy."""

from __future__ import annotations

import difflib
from pathlib import Path

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from e2lm.edition import schema
from e2lm.edition.schema import Edition
from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.unique_keys import UniqueKeyLoader

# Keys that people look for in edition.yaml, and where they are.
ELSEWHERE = {
    **dict.fromkeys(
        ("weights", "gate", "windows", "early", "late", "min_improvement_z", "min_label_share", "alignment"),
        "it is in the scoring.yaml of the edition's suite, which every run of the suite reads; write it there",
    ),
    "name": "write title",
    "affiliations": "organizers maps each affiliation to its names",
}


def read_edition(path: Path) -> Edition:
    """Read edition.yaml. Raises OrganizerError, one line with the key and the remedy."""
    try:
        return Edition.model_validate(yaml.load(path.read_text(encoding="utf-8"), UniqueKeyLoader))
    except FileNotFoundError:
        raise OrganizerError(f"{path}: there is no such file; e2lm edition new FOLDER writes one") from None
    except (OSError, UnicodeDecodeError) as error:
        raise OrganizerError(f"{path}: not a readable text file: {error}") from None
    except yaml.YAMLError as error:
        raise OrganizerError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        # unknown keys first: one is often the misspelling of a missing one
        first = min(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
        raise OrganizerError(f"{path.name}: {_explain(first)}") from None
    except ValueError as error:  # a date that does not exist
        raise OrganizerError(f"{path}: not YAML: {error}; put a text that looks like a date in quotes") from None


def _explain(error: ErrorDetails) -> str:
    location = ".".join(str(part) for part in error["loc"])
    key = str(error["loc"][-1]) if error["loc"] else ""
    if error["type"] == "extra_forbidden":
        if key in ELSEWHERE:
            return f"{location}: not a key of this file: {ELSEWHERE[key]}"
        close = difflib.get_close_matches(key, _known_keys(), n=1)
        remedy = f"did you mean {close[0]}?" if close else "remove it"
        return f"{location}: not a key of this file; {remedy}"
    if error["type"] == "missing":
        return f"{location}: missing; add it"
    message = error["msg"].removeprefix("Value error, ")
    return f"{location}: {message}" if location else message


def _known_keys() -> set[str]:
    models = [one for one in vars(schema).values() if isinstance(one, type) and issubclass(one, BaseModel)]
    return {key for model in models for key in model.model_fields}
