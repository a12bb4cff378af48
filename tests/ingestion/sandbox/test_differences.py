"""Values that `datasets` reads otherwise: found here exactly where the two differ."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from e2lm_ingestion.sandbox.differences import differences
from e2lm_ingestion.sandbox.documents import Wanted, read_documents

CASES: list[tuple[str, list[Any], bool]] = [
    ("csv", ["NA", "b"], True),
    ("csv", ["0.50", "0.25"], True),
    ("csv", ["0.5", "0.25"], False),
    ("csv", ["1e3", "2"], True),
    ("csv", ["TRUE", "FALSE"], True),
    ("csv", ["1", ""], True),
    ("csv", ["1", "2"], False),
    ("csv", ["a", "0.50"], False),
    ("json", ["2020-01-01", "2021-05-05"], True),
    ("json", ["2020-01-01", "b"], False),
    ("json", [1, 2.5], True),
    ("json", [1, None], False),
]


@pytest.mark.parametrize(("kind", "values", "differs"), CASES)
def test_a_field_is_named_where_datasets_reads_it_otherwise(
    kind: str, values: list[Any], differs: bool, tmp_path: Path, lm_eval: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    path = tmp_path / f"t.{'csv' if kind == 'csv' else 'jsonl'}"
    if kind == "csv":
        path.write_text("f,g\n" + "".join(f"{value},x\n" for value in values))
    else:
        path.write_text("".join(json.dumps({"f": value}) + "\n" for value in values))
    documents = read_documents([(path, path.name)], 10)
    assert bool(differences(documents, Wanted(frozenset({"f"})))) == differs
    assert not differences(documents, Wanted(frozenset()))
    from datasets import load_dataset

    theirs = load_dataset(kind, data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))["f"]
    printed = [str(document.fields["f"]) for document in documents]
    assert ([str(value) for value in theirs] != printed) == differs
