"""What ingestion writes, held against docs/results.schema.json."""

from __future__ import annotations

import json
from pathlib import Path

from jsonschema import Draft202012Validator

from e2lm.project import PROJECT_ROOT


def assert_fits_the_schema(results_json: Path) -> None:
    """Fail where a value is not what the schema says, or where a key of the file is not in the schema."""
    schema = json.loads((PROJECT_ROOT / "docs/results.schema.json").read_text(encoding="utf-8"))
    content = json.loads(results_json.read_text(encoding="utf-8"))
    Draft202012Validator(schema).validate(content)
    assert set(content) <= set(schema["properties"]), "docs/results.schema.json lacks a key that ingestion writes"
    rows = schema["$defs"]["CheckpointRow"]["properties"]
    assert all(set(row) <= set(rows) for row in content["checkpoints"])
