"""Rows kept by the values of fields: `filter_docs`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.sandbox.parent import Documents, Rendered, render

ROWS: list[dict[str, Any]] = [
    {"text": str(i), "part": "abc"[i % 3], "level": i % 2, **({"extra": "x"} if i % 3 == 2 else {})} for i in range(12)
]


def kept(folder: Path, values: dict[str, Any], **keys: Any) -> Rendered:  # noqa: ANN401 (fields of Documents)
    file = folder / "test.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    files = [(file, "test.jsonl")]
    (found,) = render(
        [Documents(files, {"doc_to_text": "text"}, kept={k: tuple(v) for k, v in values.items()}, **keys)]
    )
    return found


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ({}, [str(i) for i in range(12)]),
        ({"part": ["a"]}, ["0", "3", "6", "9"]),
        ({"part": ["a", "b"], "level": [1]}, ["1", "3", "7", "9"]),
        ({"extra": [None], "level": [0]}, ["0", "4", "6", "10"]),
    ],
)
def test_rows_are_kept_where_each_field_has_one_of_its_values(
    tmp_path: Path, values: dict[str, Any], texts: list[str]
) -> None:
    assert kept(tmp_path, values).test["doc_to_text"] == texts


def test_places_are_those_in_the_file(tmp_path: Path) -> None:
    assert kept(tmp_path, {"part": ["c"]}).locations[0] == "test.jsonl, line 3"


def test_the_limit_is_on_kept_rows(tmp_path: Path) -> None:
    assert len(kept(tmp_path, {"part": ["c"]}, max_items=4).locations) == 4
    with pytest.raises(SubmissionError, match="line 12: more than 3 items"):
        kept(tmp_path, {"part": ["c"]}, max_items=3)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"Part": ["a"]}, r"no field Part; the fields are text, part, level, extra \(did you mean part\?\)"),
        ({"part": ["a", "d"]}, 'no row has "d" as `part`; there are "a", "b", "c"'),
        ({"level": ["1"]}, 'no row has "1" as `level`; there are 0, 1'),
        ({"part": ["a"], "extra": ["x"]}, "no row has all of these values; 12 rows"),
    ],
)
def test_what_keeps_no_row_is_refused(tmp_path: Path, values: dict[str, Any], message: str) -> None:
    with pytest.raises(SubmissionError, match=message):
        kept(tmp_path, values)


def test_examples_are_kept_rows_too(tmp_path: Path) -> None:
    found = kept(tmp_path, {"part": ["b"]}, fewshot_files=None, shots=1, fewshot_templates={"doc_to_text": "text"})
    assert set(found.fewshot["doc_to_text"]) <= {"1", "4", "7", "10"}
