"""Invalid and hostile data files, and unusual ones that are valid."""

from __future__ import annotations

import datetime
import decimal
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from tests.ingestion.hostile.corpus import TOLERATED, Case, folder_case, right_files, write_folder
from tests.ingestion.submissions import document, documents, json_lines, plain_task

ROWS = json_lines(documents())


def lines(name: str, message: str | None, text: str | bytes) -> Case:
    return folder_case(f"data {name}", message, test=text)


def after(name: str, message: str | None, line: str | bytes) -> Case:
    """100 valid lines and one more."""
    return lines(name, message, ROWS.encode() + (line.encode() if isinstance(line, str) else line) + b"\n")


def with_field(name: str, message: str | None, **fields: object) -> Case:
    return after(name, message, json.dumps({**document(7), **fields}))


def file(name: str, message: str | None, kind: str, content: str | bytes) -> Case:
    """The test split in a file of another type, `test.`kind."""
    return Case(f"data {name}", lambda folder: write_kind(folder, kind, content), message)


def write_kind(folder: Path, kind: str, content: str | bytes) -> Path:
    dataset = {"dataset_path": "json" if kind == "json" else kind}
    task = {**plain_task(), **dataset, "dataset_kwargs": {"data_files": {"test": f"test.{kind}"}}}
    if kind == "csv":
        task["doc_to_choice"] = ["1", "2"]
    data = content.encode() if isinstance(content, str) else content
    return write_folder(folder, {"task.yaml": yaml.safe_dump(task).encode(), f"test.{kind}": data})


def parquet(name: str, message: str | None, make: Callable[[Path], object]) -> Case:
    def write(folder: Path) -> Path:
        root = write_kind(folder, "parquet", b"")
        make(root / "test.parquet")
        return root

    return Case(f"data parquet {name}", write, message)


def columns(**extra: pa.Array) -> pa.Table:
    rows = documents()
    own: Mapping[str, Any] = {key: [row[key] for row in rows] for key in rows[0]}
    return pa.table({**own, **extra})


def unpacks_to_15_gigabytes(path: Path) -> None:
    one = pa.array(["x" * 5_000_000])
    pq.write_table(pa.table({"question": pa.DictionaryArray.from_arrays(pa.array([0] * 3000, pa.int32()), one)}), path)


def cut_short(path: Path) -> None:
    pq.write_table(columns(), path)
    path.write_bytes(path.read_bytes()[:-40])


def damaged(path: Path) -> None:
    pq.write_table(columns(), path)
    content = bytearray(path.read_bytes())
    content[20:200] = b"\xff" * 180
    path.write_bytes(content)


def deep_parquet(path: Path) -> None:
    kind: pa.DataType = pa.int64()
    for _ in range(60):
        kind = pa.list_(kind)
    pq.write_table(columns(deep=pa.array([None] * 100, kind)), path)


def many_columns(path: Path) -> None:
    pq.write_table(columns(**{f"c{i}": pa.array([1] * 100) for i in range(1_000)}), path)


def typed(values: list[object], kind: pa.DataType | None = None, *, name: str = "extra") -> Callable[[Path], object]:
    return lambda path: pq.write_table(columns(**{name: pa.array(values, kind)}), path)


def million_rows(path: Path) -> None:
    pq.write_table(pa.table({"question": pa.array(["x"] * 1_000_000)}), path)


def own_columns(count: int, width: int) -> str:
    """Lines in which each has fields of its own."""
    return json_lines([{**document(i), **{f"k{i}_{j}": 1 for j in range(width)}} for i in range(count)])


def split_of_two(folder: Path, second: bytes) -> Path:
    task = {"dataset_kwargs": {"data_files": {"test": ["test.jsonl", "more.jsonl"]}}}
    return write_folder(folder, {**right_files(task), "more.jsonl": second})


CSV = "question,answer\n" + "".join(f"what is {i},{i % 2}\n" for i in range(100))

CASES = [
    after("NUL", "line 101: a NUL byte", b'{"question": "\0"}'),
    after("NUL escape", "line 101: a text holds", '{"question": "\\u0000"}'),
    after("lone surrogate", "line 101: not UTF-8", b'{"question": "\xed\xa0\x80"}'),
    after("lone surrogate escape", "line 101: a text holds", '{"question": "\\ud800"}'),
    after("lone surrogate key", "line 101: a text holds", '{"\\udc00": 1}'),
    after("overlong encoding", "line 101: not UTF-8", b'{"question": "\xc0\xaf"}'),
    after("Latin-1 line", "line 101: not UTF-8", '{"question": "\u00e9t\u00e9"}'.encode("latin-1")),
    after("UTF-16 line", "line 101: (not UTF-8|a NUL byte)", '{"question": "x"}'.encode("utf-16")),
    lines("UTF-16", "line 1: UTF-16 text", ROWS.encode("utf-16")),
    lines("UTF-16 without mark", "line 1: not a text file", ROWS.encode("utf-16-le")),
    lines("half a character at the end", "not UTF-8", ROWS.encode() + b"\xe2\x82"),
    lines("byte order mark", TOLERATED, "\ufeff" + ROWS),
    lines("two byte order marks", "line 1: not JSON", "\ufeff\ufeff" + ROWS),
    lines("Windows line ends", TOLERATED, ROWS.replace("\n", "\r\n")),
    lines("old Macintosh line ends", "line 1: not JSON", ROWS.replace("\n", "\r")),
    with_field("line separators in a text", TOLERATED, question="a\u2028b\u2029c\x85d?"),
    with_field("terminal sequence", TOLERATED, question="\x1b]0;title\x07 what?"),
    with_field("right-to-left override", TOLERATED, question="\u202ewhat?"),
    with_field("every plane", TOLERATED, question="".join(map(chr, range(0x1F300, 0x1F5FF)))),
    with_field("cell of 9 MB, unused", TOLERATED, other="x" * 9_000_000),
    with_field("cell of 9 MB, asked", "at most 100,000 characters", question="x" * 9_000_000),
    with_field("line of 11 MB", "line 101: longer than 10 MB", other="x" * 11_000_000),
    lines("one line of 11 MB of spaces", "longer than 10 MB", " " * 11_000_000),
    lines("million empty lines", TOLERATED, "\n" * 1_000_000 + ROWS),
    after("nested lists", "line 101: nested too deep", '{"q": ' + "[" * 100_000 + "]" * 100_000 + "}"),
    after("nested objects", "line 101: nested too deep", '{"q": ' * 100_000 + "1" + "}" * 100_000),
    after("open lists", "line 101: (nested too deep|not JSON)", "[" * 100_000),
    with_field("nested 400 deep, unused", TOLERATED, other=json.loads("[" * 400 + "]" * 400)),
    after("number of 5,000 digits", "line 101: a number has too many digits", '{"q": ' + "9" * 5000 + "}"),
    with_field("number of 4,000 digits, unused", TOLERATED, other=10**3999),
    with_field("number of 4,000 digits as answer", "answer", answer=10**3999),
    after("float too large", "line 101: the number 1e999 is too large", '{"q": 1e999}'),
    after("NaN", "line 101: NaN is not JSON", '{"q": NaN}'),
    after("infinity", "line 101: -Infinity is not JSON", '{"q": -Infinity}'),
    after("field twice", "line 101: the field 'q' appears twice", '{"q": 1, "q": 2}'),
    after("comma after an object", "line 101: not JSON: a comma after the object", '{"q": 1},'),
    after("typographic quotes", "line 101: not JSON: a typographic quote", "{\u201cq\u201d: 1}"),
    lines(
        "list of all items",
        "line 1: not JSON lines: a list begins here; .* rename it to .json",
        json.dumps(documents()),
    ),
    lines("objects over lines", "an object goes over several lines", json.dumps(documents()[0], indent=1)),
    lines(
        "object of all items",
        "line 1: one object that holds 100 others under 'data'",
        json.dumps({"data": documents()}),
    ),
    lines("object of all items over lines", "goes over several lines", json.dumps({"data": documents()}, indent=1)),
    after("two objects a line", "line 101: not JSON", '{"q": 1}{"q": 2}'),
    after("trailing comma", "line 101: not JSON", '{"q": 1,}'),
    after("Python's literals", "line 101: not JSON", "{'q': None}"),
    after("list", "line 101: an item is a JSON object", "[1]"),
    after("text", "line 101: an item is a JSON object", '"text"'),
    after("null", "line 101: an item is a JSON object", "null"),
    lines("nothing", "0 items", ""),
    lines("three items", "3 items", json_lines(documents(3))),
    lines("15,001 items", "more than 15,000 items", json_lines([{"q": 1}] * 15_001)),
    lines("own columns a line", "different fields", own_columns(15_000, 30)),
    with_field("names of Python's and Jinja's", TOLERATED, __class__="x", self="y", loop="z", range="r", cycler="c"),
    with_field("question a number", "not a text|line 101|prints", question=[1, {"a": None}], choices=3),
    with_field("answer true", TOLERATED, answer=True),
    with_field("answer a fraction", "line 101", answer=1.5),
    with_field("answer an object", "line 101", answer={"a": 1}),
    with_field("answer out of range", "line 101", answer=7),
    with_field("one choice", "line 101: 1 choice; an item has 2 to 100", choices=["a"]),
    with_field("101 choices", "line 101: 101 choices; an item has 2 to 100", choices=["a"] * 101),
    with_field("empty choice", "line 101: choice 1", choices=["a", " "]),
    with_field("nested choice", "line 101", choices=["a", ["b"]]),
    with_field("identical choices", TOLERATED, choices=["a", "a", "a"]),
    Case(
        "data second file in UTF-16",
        lambda f: split_of_two(f, ROWS.encode("utf-16")),
        "more.jsonl, line 1: UTF-16 text",
    ),
    Case("data second file of other fields", lambda f: split_of_two(f, b'{"other": 1}\n'), "more.jsonl, line 1"),
    file("JSON list", TOLERATED, "json", json.dumps(documents())),
    file("JSON cut short", "test.json: not JSON", "json", json.dumps(documents())[:-1]),
    file("JSON of many lists", "memory|an item is a JSON object|more than", "json", "[" + "[]," * 10_000_000 + "[]]"),
    file("JSON of many numbers", "memory|an item is a JSON object|more than", "json", "[" + "1," * 30_000_000 + "1]"),
    file("CSV", TOLERATED, "csv", CSV.replace("\n", "\r\n")),
    file("CSV column twice", "line 1: the first line names the columns", "csv", "q,q\na,b\n"),
    file("CSV for Excel", "line 1: `sep=` is a line for Excel", "csv", "sep=;\n" + CSV.replace(",", ";")),
    file("CSV with tabs", "line 1: tabs separate the columns", "csv", CSV.replace(",", "\t")),
    file("CSV with an index", "line 1: the first column has no name: an index", "csv", ",q\n0,a\n"),
    file("CSV ragged", "line 102: 3 cells, but 2 columns", "csv", CSV + "a,b,c\n"),
    file("CSV unclosed quote", "not CSV|cells, but|items", "csv", CSV + '"' + "a,b\n" * 100_000),
    file("CSV header alone", "items", "csv", "question,answer\n"),
    file("CSV NUL", "a NUL byte", "csv", CSV + "\0,1\n"),
    file(
        "CSV of 200,000 columns",
        "0 items",
        "csv",
        ",".join(f"c{i}" for i in range(200_000)),
    ),
    file("CSV cell of 9 MB", "at most 100,000 characters", "csv", CSV + "x" * 9_000_000 + ",1\n"),
    file("CSV formula", TOLERATED, "csv", CSV + "=cmd|' /C calc'!A0,1\n"),
    file("CSV semicolons", "line 1: semicolons separate the columns", "csv", CSV.replace(",", ";")),
    parquet("right", TOLERATED, lambda path: pq.write_table(columns(), path)),
    parquet("bomb", "memory|cannot be read", unpacks_to_15_gigabytes),
    parquet("signature alone", "cannot be read", lambda path: path.write_bytes(b"PAR1 no PAR1")),
    parquet("cut short", "cannot be read", cut_short),
    parquet("damaged", "cannot be read|not|memory", damaged),
    parquet("bytes, unused", TOLERATED, typed([b"x"] * 100)),
    parquet("bytes, used", "the column 'question' holds bytes", typed([b"x"] * 100, name="question")),
    parquet("date, unused", TOLERATED, typed([datetime.datetime(2025, 1, 1)] * 100)),
    parquet("date, used", "holds dates", typed([datetime.datetime(2025, 1, 1)] * 100, name="question")),
    parquet("decimals, used", "holds decimal numbers", typed([decimal.Decimal("1.5")] * 100, name="question")),
    parquet("no number, unused", TOLERATED, typed([float("nan")] * 100)),
    parquet("no number, used", "row 1: NaN is not JSON", typed([float("nan")] * 100, name="question")),
    parquet("nested 60 deep, unused", "cannot be read|" + "holds", deep_parquet),
    parquet("1,000 columns", TOLERATED, many_columns),
    parquet("million rows", "more than 15,000 items", million_rows),
    parquet("column of nulls", TOLERATED, typed([None] * 100, pa.null())),
]
