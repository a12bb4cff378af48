"""Templates and data files that try to leave the sandbox, run forever or fill the memory."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.sandbox.parent import Documents, Limits, Rendered, render
from tests.ingestion.submissions import documents, json_lines

LIMITS = Limits(cpu_seconds=4, seconds_per_document=0.5)


def rendered(tmp_path: Path, template: str, limits: Limits = LIMITS) -> Rendered:
    path = tmp_path / "test.jsonl"
    path.write_text(json_lines(documents(3)))
    return render([Documents([(path, "test.jsonl")], {"doc_to_text": template}, max_items=10)], limits)[0]


def test_texts_come_back_in_order_with_their_locations(tmp_path: Path) -> None:
    result = rendered(tmp_path, "{{answer}}: {{question}}\n")
    assert result.test["doc_to_text"] == [f"1: What is {i} plus 1?\n" for i in range(3)]
    assert result.locations == ["test.jsonl, line 1", "test.jsonl, line 2", "test.jsonl, line 3"]


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ question.__class__ }}", "unsafe"),
        ("{{ question.__class__.__mro__[1].__subclasses__() }}", "unsafe"),
        ("{{ question | attr('__class__') }}", "unsafe"),
        ("{{ '{0.__class__}'.format(question) }}", "unsafe"),
        ("{{ cycler.__init__.__globals__ }}", "unsafe"),
        ("{{ self.__init__.__globals__ }}", "unsafe"),
        ("{{ choices.append('x') }}", "not safely callable|unsafe"),
        ("{% include '/etc/passwd' %}", "templates have no other files"),
        ("{% import 'os' as os %}", "templates have no other files"),
        ("{% extends 'x' %}", "templates have no other files"),
        ("{{ open('/etc/passwd') }}", "'open' is undefined"),
        ("{{ question | random }}", "No filter named 'random'"),
        ("{{ lipsum() }}", "'lipsum' is undefined"),
        ("{{ question.upper }}", r"prints a method; add \(\)"),
        ("{{ choices | map('upper') }}", r"prints a value without a text; add `\| list`"),
        ("{{ nothing }}", "'nothing' is undefined; the fields are question, choices, answer"),
        ("{{ choices[9] }}", "the list has no element 9; its first is 0"),
        ("{{ question | round }}", "a calculation with a value that is no number; make a number"),
        ("{{ choices | join(1, 2, 3) }}", "a filter or a function has a wrong number of values in its parentheses"),
        ("{% include 'other' %}", "templates have no other files; write the text here"),
        ("{{ question.text }}", "the value has no attribute 'text'; the fields are"),
        ("{{ 1 / 0 }}", "cannot be printed: division by zero; divide by a field that is never 0"),
        (
            "{{ question + 1 }}",
            r"cannot be printed: `\+` and comparisons are of two numbers or two texts; join texts with ~",
        ),
        ("{{ question", "line 1 of the template: unexpected end of template"),
        ("{% for %}", "line 1 of the template"),
        ("{{ '\\ud800' }}", "half a character"),
        ("{{ '\\0' }}", "half a character"),
        ("{{ 'x' * 200000 }}", "at most 100,000 characters"),
        ("{{ question | regex_replace('(', '') }}", "cannot be printed: missing"),
        ("{{ '%999999999999d' | format(1) }}", "memory|OverflowError"),
        ("{{ 'x' * 10 ** 10 }}", "memory"),
        ("{{ [0] * 10 ** 9 }}", "memory"),
        ("{{ 'x'.ljust(10 ** 10) }}", "memory"),
        ("{% for i in range(10 ** 9) %}x{% endfor %}", "range too big|Range too big"),
        ("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", "more than 0.5 s"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "cannot be printed: it calls itself without end"),
        ("{{ ('a' * 40 + 'b' + question) | regex_replace('(a+)+$', '') }}", "more than 0.5 s"),
        ("{{ ('a' * 40 + 'b') | regex_replace('(a+)+$', '') }}", "too long to read"),
        ("{{ answer + 9 ** (9 ** 9) }}", "too long to read|more than 0.5 s|processor time|memory"),
        ("{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}", "RecursionError|nesting"),
        ("{{ 1" + " + 1" * 20_000 + " }}", "RecursionError|nesting|SyntaxError"),
    ],
)
def test_a_hostile_template_is_refused_with_the_field(tmp_path: Path, template: str, message: str) -> None:
    started = time.monotonic()
    with pytest.raises(SubmissionError, match=rf"doc_to_text.*({message})") as caught:
        rendered(tmp_path, template)
    assert "\n" not in str(caught.value)
    assert time.monotonic() - started < 20


def test_the_total_length_of_all_texts_is_limited(tmp_path: Path) -> None:
    with pytest.raises(SubmissionError, match=r"line 2: doc_to_text: too much text"):
        rendered(tmp_path, "{{ 'x' * 60 }}", Limits(characters=100))


def test_total_processor_time_is_limited(tmp_path: Path) -> None:
    slow = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
    with pytest.raises(SubmissionError, match=r"task\.yaml: doc_to_text: takes too much processor time"):
        rendered(tmp_path, slow, Limits(cpu_seconds=1, seconds_per_document=60))


def test_wall_time_is_limited(tmp_path: Path) -> None:
    slow = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
    with pytest.raises(SubmissionError, match=r"takes more than 1 s"):
        rendered(tmp_path, slow, Limits(cpu_seconds=60, seconds_per_document=60, wall_seconds=1))


def test_a_template_sees_neither_the_environment_nor_the_arguments_of_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with pytest.raises(SubmissionError, match="'environ' is undefined"):
        rendered(tmp_path, "{{ environ }}")
    assert os.environ["HF_TOKEN"] == "hf_secret"


def read(tmp_path: Path, name: str, content: str) -> Rendered:
    path = tmp_path / name
    path.write_bytes(content.encode())
    return render([Documents([(path, name)], {"doc_to_text": "q"}, max_items=10)])[0]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.jsonl", '{"q": "a"}\n{"q": "a", "q": "b"}\n', r"t\.jsonl, line 2: the field 'q' appears twice"),
        ("t.jsonl", '{"q": NaN}\n', r"line 1: NaN is not JSON"),
        ("t.jsonl", '{"q": -Infinity}\n', r"line 1: -Infinity is not JSON"),
        ("t.jsonl", '{"q": 1e999}\n', r"line 1: the number 1e999 is too large"),
        ("t.jsonl", '{"q": ' + "9" * 5000 + "}\n", r"line 1: a number has too many digits"),
        ("t.jsonl", '\n\n{"q": "a"\n', r"line 3: not JSON: it ends too early; a bracket or a brace is not closed"),
        ("t.jsonl", "[" * 100_000 + "\n", r"line 1: nested too deep|line 1: not JSON"),
        ("t.jsonl", '{"q": ' + "[" * 100_000 + "]" * 100_000 + "}\n", r"line 1: nested too deep"),
        ("t.jsonl", '["q"]\n', r"line 1: not JSON lines: a list begins here"),
        ("t.jsonl", '{"q": 1}\n["q"]\n', r"line 2: an item is a JSON object"),
        ("t.jsonl", '{"q": "\\u0000"}\n', r"line 1: a text holds"),
        ("t.jsonl", '{"q": "\\ud800"}\n', r"line 1: a text holds"),
        ("t.jsonl", '{"\\udc00": 1}\n', r"line 1: a text holds"),
        ("t.jsonl", '{"q": 3.5}\n', r"line 1: `q` is 3\.5, not a text"),
        ("t.jsonl", '{"q": "a"}\n' * 11, r"line 11: more than 10 items"),
        ("t.json", '[{"q": "a"}, 3]', r"t\.json, item 2: an item is a JSON object"),
        ("t.json", '[{"q": "a"}', r"t\.json: not JSON"),
        ("t.csv", "q,q\na,b\n", r"t\.csv, line 1: the first line names the columns"),
        ("t.csv", 'q,r\n"a\nb",c\nd\n', r"t\.csv, line 4: 1 cells, but 2 columns"),
        ("t.parquet", "PAR1 no PAR1", r"t\.parquet: row 1 cannot be read"),
    ],
)
def test_a_wrong_data_file_is_named_with_its_line(tmp_path: Path, name: str, content: str, message: str) -> None:
    with pytest.raises(SubmissionError, match=message) as caught:
        read(tmp_path, name, content)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_data_file_that_takes_too_much_memory_is_refused(tmp_path: Path) -> None:
    content = (
        "[{}," + "[]," * 30_000_000 + "[]]"
    )  # 90 MB: of a parametrized test it would be kept for the whole session
    with pytest.raises(SubmissionError, match="too much memory") as caught:
        read(tmp_path, "t.json", content)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_parquet_file_that_unpacks_to_gigabytes_is_refused(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    one = pa.array(["x" * 5_000_000])
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 3000, pa.int32()), one)
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"q": column}), path)
    assert path.stat().st_size < 10_000_000
    with pytest.raises(SubmissionError, match=r"memory|cannot be read"):
        render([Documents([(path, "t.parquet")], {"doc_to_text": "q"}, max_items=10_000)], LIMITS)


@pytest.mark.parametrize("kind", ["bytes", "dates"])
def test_a_parquet_column_of_another_type_than_text_or_number_is_refused(tmp_path: Path, kind: str) -> None:
    import datetime

    import pyarrow as pa
    import pyarrow.parquet as pq

    value = b"x" if kind == "bytes" else datetime.datetime(2025, 1, 1)
    pq.write_table(pa.table({"q": [value]}), tmp_path / "t.parquet")
    with pytest.raises(SubmissionError, match=rf"t\.parquet: the column 'q' holds {kind}"):
        render([Documents([(tmp_path / "t.parquet", "t.parquet")], {"doc_to_text": "q"})], LIMITS)
