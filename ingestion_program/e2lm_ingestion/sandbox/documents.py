"""Reads data files into documents. The files are untrusted, so this runs in the sandbox (see parent.py)."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TextIO

from e2lm_ingestion.errors import SubmissionError

MAX_DATA_BYTES = 100_000_000  # all files of a split; 15,000 prompts of 2,048 tokens are smaller
MAX_CELLS = 5_000_000  # documents times fields: 333 fields for 15,000 items
MAX_FIELD_BYTES = 10_000_000
_FORBIDDEN = re.compile("[\0\ud800-\udfff]")
_WHOLE_NUMBER = re.compile(r"[+-]?\d{1,18}\Z", re.ASCII)


@dataclass(slots=True)
class Document:
    """One row of a data file."""

    fields: dict[str, Any]
    location: str  # "test.jsonl, line 17"


def read_documents(files: list[tuple[Path, str]], limit: int) -> list[Document]:
    """Read the files of a split into at most `limit` documents; `files` are (path, name to show in messages).

    All documents get all fields of the split, with null for missing ones, as in Hugging Face datasets. Raises
    SubmissionError naming file and line.
    """
    if sum(path.stat().st_size for path, _ in files) > MAX_DATA_BYTES:
        raise SubmissionError(
            f"{files[0][1]}: more than {MAX_DATA_BYTES / 1e6:.0f} MB of documents; remove unused fields and items"
        )
    documents: list[Document] = []
    for path, name in files:
        for document in _READERS[path.suffix.lower()](path, name):
            if len(documents) == limit:
                raise SubmissionError(f"{document.location}: more than {limit:,} items; keep {limit:,} at most")
            documents.append(document)
    columns = dict.fromkeys(key for document in documents for key in document.fields)
    if len(columns) * len(documents) > MAX_CELLS:
        raise SubmissionError(f"{files[0][1]}: {len(columns):,} different fields; write the same fields for every item")
    for document in documents:
        if len(document.fields) < len(columns):
            document.fields = {key: document.fields.get(key) for key in columns}
    return documents


def _json_lines(path: Path, name: str) -> Iterator[Document]:
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        yield from _documents_of_lines(file, name)


def _documents_of_lines(file: TextIO, name: str) -> Iterator[Document]:
    for number, line in enumerate(file, 1):
        if line.strip():
            location = f"{name}, line {number}"
            yield _document(_parsed(line, location), location)


def _json(path: Path, name: str) -> Iterator[Document]:
    """Read a list of objects, or one object per line as in a .jsonl file."""
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        start = file.read(4096).lstrip()
        file.seek(0)
        if not start.startswith("["):
            yield from _documents_of_lines(file, name)
            return
        _refuse_other_first_item(start, name)
        text = file.read()
    for number, value in enumerate(_parsed(text, name), 1):
        location = f"{name}, item {number}"
        yield _document(value, location)


def _refuse_other_first_item(start: str, name: str) -> None:
    """Refuse a list whose first item is not an object before all of it, which may be large, is parsed."""
    try:
        first, _ = json.JSONDecoder(parse_constant=float).raw_decode(start[1:].lstrip())
    except (ValueError, RecursionError):  # cut off here, or a mistake that parsing all of it names
        return
    if isinstance(first, list | str | int):
        _document(first, f"{name}, item 1")


def _parsed(text: str, location: str) -> Any:  # noqa: ANN401 (any JSON value)
    def refuse_constant(constant: str) -> NoReturn:
        raise SubmissionError(f"{location}: {constant} is not JSON; write null or leave the field out")

    def finite(number: str) -> float:
        value = float(number)
        if not math.isfinite(value):
            raise SubmissionError(f"{location}: the number {number[:30]} is too large")
        return value

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) < len(pairs):
            names = [key for key, _ in pairs]
            repeated = next(key for key in names if names.count(key) > 1)
            raise SubmissionError(f"{location}: the field {repeated[:60]!r} appears twice; keep one")
        return value

    try:
        value = json.loads(text, parse_constant=refuse_constant, parse_float=finite, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise SubmissionError(f"{location}: not JSON: {error.msg} (character {error.colno})") from None
    except RecursionError:
        raise SubmissionError(f"{location}: nested too deep; an item is a few fields and a list of choices") from None
    except ValueError:
        raise SubmissionError(f"{location}: a number has too many digits; write it as a text") from None
    if "\\u" in text:
        _refuse_forbidden_characters(value, location)
    return value


def _document(value: Any, location: str) -> Document:  # noqa: ANN401 (any JSON value)
    if not isinstance(value, dict):
        raise SubmissionError(f'{location}: an item is a JSON object such as {{"question": "...", "answer": 0}}')
    return Document(value, location)


def _refuse_forbidden_characters(value: Any, location: str) -> None:  # noqa: ANN401 (any JSON value)
    if isinstance(value, str) and _FORBIDDEN.search(value):
        raise SubmissionError(f"{location}: a text holds \\u0000 or half a character (\\ud800 to \\udfff); remove it")
    inner = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in inner:
        _refuse_forbidden_characters(item, location)


def _csv(path: Path, name: str) -> Iterator[Document]:
    """A column of whole numbers becomes numbers and an empty cell null; everything else stays text."""
    csv.field_size_limit(MAX_FIELD_BYTES)
    rows: list[tuple[int, list[str]]] = []
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader, start = csv.reader(file), 1
        try:
            for row in reader:
                if row:
                    rows.append((start, row))
                start = reader.line_num + 1
        except csv.Error as error:
            raise SubmissionError(f"{name}, line {start}: not CSV: {error}") from None
    if not rows:
        return
    header = rows.pop(0)[1]
    if len(set(header)) < len(header) or "" in header:
        raise SubmissionError(f"{name}, line 1: the first line names the columns, each once and none empty")
    for start, row in rows:
        if len(row) != len(header):
            raise SubmissionError(f"{name}, line {start}: {len(row)} cells, but {len(header)} columns; quote commas")
    numeric = [all(_WHOLE_NUMBER.match(row[i]) for _, row in rows if row[i]) for i in range(len(header))]
    for start, row in rows:
        cells = [None if cell == "" else int(cell) if whole else cell for cell, whole in zip(row, numeric, strict=True)]
        yield Document(dict(zip(header, cells, strict=True)), f"{name}, line {start}")


def _parquet(path: Path, name: str) -> Iterator[Document]:
    import pyarrow
    import pyarrow.parquet

    pyarrow.set_cpu_count(1)
    number = 0
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=256, use_threads=False):
                for row in batch.to_pylist():
                    number += 1
                    location = f"{name}, row {number}"
                    # through JSON, so that dates and bytes are refused and all file types follow the same rules
                    yield _document(_parsed(json.dumps(row), location), location)
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        message = "".join(c for c in " ".join(str(error).split()) if c.isprintable())[:120]
        raise SubmissionError(f"{name}: row {number + 1} cannot be read: {message}; write the file again") from None
    except TypeError as error:
        message = str(error).removeprefix("Object of type ").split(" ")[0]
        raise SubmissionError(f"{name}, row {number}: holds {message}; use text, whole numbers and lists") from None


_READERS = {".jsonl": _json_lines, ".json": _json, ".csv": _csv, ".parquet": _parquet}
