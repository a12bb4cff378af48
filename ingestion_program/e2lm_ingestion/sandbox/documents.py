"""Reads data files into documents. The files are untrusted, so this runs in the sandbox (see parent.py)."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TextIO

from e2lm_ingestion.errors import ItemProblems, SubmissionError
from e2lm_ingestion.sandbox.json_mistakes import json_mistake

MAX_DATA_BYTES = 100_000_000  # all files of a split; 15,000 prompts of 2,048 tokens are smaller
MAX_CELLS = 5_000_000  # documents times fields: 333 fields for 15,000 items
MAX_FIELD_BYTES = 10_000_000
LEAST_WRAPPED = 20  # objects in a list of the first object: they are the items; an item's own list is shorter
_FORBIDDEN = re.compile("[\0\ud800-\udfff]")
_OPENS_A_LIST = re.compile(r'\{\s*"[^"]*"\s*:\s*\[?\s*\{?')
_WHOLE_NUMBER = re.compile(r"[+-]?\d{1,18}\Z", re.ASCII)


@dataclass(slots=True)
class Document:
    """One row of a data file."""

    fields: dict[str, Any]
    location: str  # "test.jsonl, line 17"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which columns of a parquet file are read; the others may hold what JSON cannot, such as images and dates."""

    fields: frozenset[str] | None = None  # those that a task uses; None: all
    compared: bool = False  # documents are compared with each other, so that the other columns count as texts

    def has(self, field: str) -> bool:
        """Whether the task uses a field."""
        return self.fields is None or field in self.fields


def read_documents(files: list[tuple[Path, str]], limit: int, wanted: Wanted = Wanted()) -> list[Document]:
    """Read the files of a split into at most `limit` documents; `files` are (path, name to show in messages).

    All documents get all fields of the split, with null for missing ones, as in Hugging Face datasets; columns of
    parquet files that are not wanted are null. Raises SubmissionError naming file and line.
    """
    if sum(path.stat().st_size for path, _ in files) > MAX_DATA_BYTES:
        raise SubmissionError(
            f"{files[0][1]}: more than {MAX_DATA_BYTES / 1e6:.0f} MB of documents; remove unused fields and items"
        )
    documents: list[Document] = []
    for path, name in files:
        for document in _READERS[path.suffix.lower()](path, name, wanted):
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


def _json_lines(path: Path, name: str, wanted: Wanted) -> Iterator[Document]:
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        yield from _documents_of_lines(file, name)


def _documents_of_lines(file: TextIO, name: str) -> Iterator[Document]:
    problems = ItemProblems()
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        location = f"{name}, line {number}"
        if number == 1:
            _refuse_whole(line, name, location)
        try:
            document = _document(_parsed(line, location), location)
        except SubmissionError as error:
            problems.add(location, error)
            continue
        _refuse_wrapped(document, number)
        yield document
    problems.raise_any()


def _json(path: Path, name: str, wanted: Wanted) -> Iterator[Document]:
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


_LIST = 'the items are one list, [{"question": "..."}, ...]'


def _refuse_whole(line: str, name: str, location: str) -> None:
    """Refuse a first line with which one JSON value begins that goes over several lines, or is a list of all items."""
    start = line.strip()
    if start.startswith("[") and name.lower().endswith(".jsonl"):
        raise SubmissionError(
            f"{location}: not JSON lines: a list begins here; a .jsonl file has one object a line: write it so, or "
            f"rename it to .json, where {_LIST}"
        )
    if start in ("{", "[", "[{") or (_OPENS_A_LIST.fullmatch(start)):
        raise SubmissionError(
            f"{location}: not JSON lines: an object goes over several lines; write each item on one line, or all as "
            f"a .json file where {_LIST}, without an object around them"
        )


def _refuse_wrapped(document: Document, number: int) -> None:
    """Refuse an object that holds all items, such as {"data": [...]}."""
    if number > 1:
        return
    if (what := _turned(document.fields)) is not None:
        raise SubmissionError(f"{document.location}: {what}; write an object for each item, {_RECORDS}")
    for field, value in document.fields.items():
        if isinstance(value, list) and len(value) >= LEAST_WRAPPED and all(isinstance(one, dict) for one in value):
            raise SubmissionError(
                f"{document.location}: one object that holds {len(value):,} others under {field[:60]!r}; keep its "
                f"list alone, in a .json file where {_LIST}"
            )


_RECORDS = "as pandas does with to_json(..., orient='records', lines=True)"


def _turned(fields: Mapping[str, Any]) -> str | None:
    """What one object is that holds all items otherwise than as a list of objects; None where it is an item."""
    values = list(fields.values())
    rows = fields.get("data")
    if fields.keys() <= {"columns", "data", "index"} and "columns" in fields and isinstance(rows, list):
        return "columns and rows apart, as pandas writes with orient='split'"
    if len(values) >= LEAST_WRAPPED and all(isinstance(value, dict) for value in values):
        return f"one object that holds {len(values):,} others by their names"
    if values and all(isinstance(value, dict) and len(value) >= LEAST_WRAPPED for value in values):
        return "an object for each column, as pandas' to_json writes without orient"
    if len(values) > 1 and all(isinstance(value, list) and len(value) >= LEAST_WRAPPED for value in values):
        return "a list for each column"
    return None


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
        raise SubmissionError(f"{location}: not JSON: {json_mistake(error)}") from None
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


def _csv(path: Path, name: str, wanted: Wanted) -> Iterator[Document]:
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
    _check_header(header, f"{name}, line 1")
    problems = ItemProblems()
    for start, row in rows:
        if not any(row):
            problems.add(f"{name}, line {start}", SubmissionError(f"{name}, line {start}: an empty row; delete it"))
        elif len(row) != len(header):
            what = f"{name}, line {start}: {len(row)} cells, but {len(header)} columns; quote commas"
            problems.add(f"{name}, line {start}", SubmissionError(what))
    problems.raise_any()
    numeric = [all(_WHOLE_NUMBER.match(row[i]) for _, row in rows if row[i]) for i in range(len(header))]
    for start, row in rows:
        cells = [None if cell == "" else int(cell) if whole else cell for cell, whole in zip(row, numeric, strict=True)]
        yield Document(dict(zip(header, cells, strict=True)), f"{name}, line {start}")


def _check_header(header: list[str], location: str) -> None:
    """Raise SubmissionError unless the first line names columns that commas separate."""
    if header[0].lower().startswith("sep="):
        raise SubmissionError(
            f"{location}: `sep=` is a line for Excel; delete it, and save with commas between columns"
        )
    for mark, mark_name in ((";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")):
        if len(header) == 1 and mark in header[0]:
            raise SubmissionError(
                f"{location}: {mark_name} separate the columns; save with commas between them, or make a task of the "
                "table with e2lm new NAME --from FILE"
            )
    if len(header) > 2 and header[0] and not any(header[1:]):
        raise SubmissionError(
            f"{location}: a title stands above the columns; delete it: the first line names the columns"
        )
    if header[0] == "" and "" not in header[1:]:
        raise SubmissionError(
            f"{location}: the first column has no name: an index, as pandas writes it; save with `index=False`, or "
            "delete the column"
        )
    if len(set(header)) < len(header) or "" in header:
        odd = next(at for at, cell in enumerate(header) if cell == "" or cell in header[:at])
        what = f"{header[odd][:40]!r} stands twice" if header[odd] else "has no name; delete it, or name it"
        raise SubmissionError(
            f"{location}: the first line names the columns, each once and none empty; column {odd + 1} {what}"
        )


def _parquet(path: Path, name: str, wanted: Wanted) -> Iterator[Document]:
    import pyarrow
    import pyarrow.parquet

    pyarrow.set_cpu_count(1)
    number = 0
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
            for column in schema:
                if wanted.has(column.name) and (what := _unreadable(column.type)) is not None:
                    raise SubmissionError(f"{name}: the column {column.name[:60]!r} holds {what}")
            read = None if wanted.compared else [column for column in schema.names if wanted.has(column)]
            empty = dict.fromkeys(schema.names)
            for batch in file.iter_batches(batch_size=256, use_threads=False, columns=read):
                for row in batch.to_pylist() if batch.num_columns else [{}] * batch.num_rows:
                    number += 1
                    location = f"{name}, row {number}"
                    # through JSON, so that all file types follow the same rules
                    used = _parsed(json.dumps({key: row[key] for key in row if wanted.has(key)}), location)
                    others = {key: repr(row[key]) for key in row if not wanted.has(key)}
                    yield _document({**empty, **others, **used}, location)
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        message = "".join(c for c in " ".join(str(error).split()) if c.isprintable())[:120]
        raise SubmissionError(f"{name}: row {number + 1} cannot be read: {message}; write the file again") from None
    except TypeError as error:
        message = str(error).removeprefix("Object of type ").split(" ")[0]
        raise SubmissionError(f"{name}, row {number}: holds {message}; use text, whole numbers and lists") from None


def _unreadable(kind: Any) -> str | None:  # noqa: ANN401 (pyarrow.DataType, which has no types of its own)
    """What a column holds that no text or number is, and what to do; None for one that can be read."""
    from pyarrow import types

    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return _unreadable(kind.value_type)
    if types.is_struct(kind):
        return next((what for i in range(kind.num_fields) if (what := _unreadable(kind.field(i).type))), None)
    if types.is_temporal(kind):
        return "dates or times; write them as texts, as pandas' `column.astype(str)` does"
    if types.is_decimal(kind):
        return "decimal numbers; write them as texts, as pandas' `column.astype(str)` does"
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        return "bytes, such as images; the models read text alone: write texts"
    return None


_READERS = {".jsonl": _json_lines, ".json": _json, ".csv": _csv, ".parquet": _parquet}
