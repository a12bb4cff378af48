"""Write docs/results.schema.json, the JSON Schema of results.json, from the model with which scoring reads the file.

python docs/results_schema.py [docs/results.schema.json]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from e2lm_scoring.inputs.results import SCHEMA, ResultsFile


def schema() -> str:
    """The file's content."""
    content = ResultsFile.model_json_schema(by_alias=True)
    content["properties"]["schema"]["const"] = SCHEMA
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps({**head, **content}, indent=1) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1] if len(sys.argv) > 1 else "docs/results.schema.json").write_text(schema(), encoding="utf-8")
