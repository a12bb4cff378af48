"""CSV files hold what they were given, and nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import io

import pytest

from e2lm.spreadsheet import csv_text, guarded


@pytest.mark.parametrize("start", [*"=+-@\t\r\n", *"＝＋－＠", *"﹢﹣﹦﹫"])
def test_a_text_that_would_be_run_gets_an_apostrophe(start: str) -> None:
    assert guarded(f"{start}HYPERLINK(1)") == f"'{start}HYPERLINK(1)"
    assert guarded(start) == f"'{start}"


@pytest.mark.parametrize("cell", [-0.5, 7, None, True, "-0.5", "+7", "-1e-05", "-3.", "", "a=b", "'=1", "1=1", "–"])
def test_what_is_not_run_stays_as_it_is(cell: object) -> None:
    assert guarded(cell) is cell


@pytest.mark.parametrize("text", ["-1+1", "-0.5 ", "--1", "-0x1F", "+49 30 1", "-inf", "-1,5", "-٣"])
def test_what_only_begins_like_a_number_is_a_text(text: str) -> None:
    assert guarded(text) == f"'{text}"


def test_cells_keep_their_types_and_their_line_breaks() -> None:
    rows: list[dict[str, object]] = [
        {"rank": 1, "score": 0.1, "text": 'a "b",\r\nc'},
        {"rank": None, "tied": False, "text": "=1\n@2"},
    ]
    text = csv_text(rows, ["rank", "score", "tied", "text"])
    assert list(csv.reader(io.StringIO(text, newline=""))) == [
        ["rank", "score", "tied", "text"],
        ["1", "0.1", "", 'a "b",\r\nc'],
        ["", "", "False", "'=1\n@2"],
    ]
    assert text.startswith("rank,score,tied,text\r\n1,0.1,,")


def test_a_table_without_rows_is_its_header() -> None:
    assert csv_text([], ["a", "b"]) == "a,b\r\n"
    assert csv_text([{"a": 1, "b": 2}], ["a", "b"], header=False) == "1,2\r\n"
