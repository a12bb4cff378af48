"""Values that Hugging Face `datasets`, with which lm-evaluation-harness reads files, reads otherwise than documents.py.

docs/parity.md lists the differences. They are found by field, because `datasets` gives each column one type.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from e2lm_ingestion.sandbox.documents import Document, Wanted

_NULLS = frozenset(  # pandas.read_csv, na_values
    {"#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA"}
    | {"NULL", "NaN", "None", "n/a", "nan", "null"}
)
_DECIMAL = re.compile(r"[+-]?(\d{1,30}(\.\d{0,30})?|\.\d{1,30})([eE][+-]?\d{1,3})?", re.ASCII)
_TRUTH = frozenset({"True", "TRUE", "true", "False", "FALSE", "false"})
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2})?Z?)?", re.ASCII)


def differences(documents: Sequence[Document], wanted: Wanted) -> list[str]:
    """A line for each used field with values that are read otherwise there, with the first of them."""
    lines = []
    for field in documents[0].fields if documents else ():
        if wanted.has(field):
            values = [document.fields[field] for document in documents]
            file = documents[0].location.split(", ")[0]
            found = _of_csv(values) if file.lower().endswith(".csv") else _of_json(values)
            if found is not None and not file.lower().endswith(".parquet"):
                lines.append(f"`{field[:40]}` of {file}: {found}")
    return lines


def _of_csv(values: Sequence[Any]) -> str | None:
    texts = [value for value in values if isinstance(value, str)]
    if not texts:
        numbers = any(isinstance(value, int) for value in values)
        return "whole numbers with empty cells, which print as 1.0 there" if numbers and None in values else None
    others = [text for text in texts if text not in _NULLS]
    if len(others) < len(texts):
        return f"{next(text for text in texts if text in _NULLS)}, which is null there"
    if all(text in _TRUTH for text in texts):
        return f"{texts[0]}, which is a truth value there and prints as {texts[0].capitalize()}"
    if all(_DECIMAL.fullmatch(text) for text in texts):
        changed = next((text for text in texts if str(float(text)) != text), None)
        return None if changed is None else f"{changed[:20]}, which is a number there and prints as {float(changed)}"
    return None


def _of_json(values: Sequence[Any]) -> str | None:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int, float}:
        return "whole numbers beside fractions, which print as 1.0 there"
    texts = [text for value in values for text in (value if isinstance(value, list) else [value])]
    if texts and all(isinstance(text, str) and _DATE.fullmatch(text) for text in texts):
        return f"{texts[0]}, which is a time there and prints with its hours"
    return None
