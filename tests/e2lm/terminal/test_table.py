"""Tables in terminals of any width: names are whole, nothing is wider than the terminal."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest
from rich.cells import cell_len
from rich.console import Console

from e2lm.terminal.table import Column, fitted_table, folded, side_by_side
from tests.e2lm.terminal.first_cells import first_cells

NAMES = ("short", "questions-about-science-in-a-very-long-name-that-goes-on-and-on", "x" * 70, "[b]科学の質問[/b]" * 4)
COLUMNS = [Column("run", is_name=True), *map(Column, ("score", "sq", "billion tokens", "eligible"))]
WIDTHS = (40, 60, 79, 80, 81, 100, 200)


def drawn(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(fitted_table("A title of several words", columns, rows, width))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(cell_len, text.splitlines())) <= width
    assert "…" not in text
    return str(text)


@pytest.mark.parametrize("width", WIDTHS)
def test_names_and_numbers_are_whole_in_a_terminal_of_any_width(width: int) -> None:
    rows = [
        [name, f"0.{at}234\n0.{at}1 to 0.{at}3", f"0.{at}777", "4.2 to 994.5", "yes"] for at, name in enumerate(NAMES)
    ]
    text = drawn(COLUMNS, rows, width)
    assert all(name in first_cells(text) for name in NAMES)
    for at in range(len(NAMES)):
        assert all(value in text for value in (f"0.{at}234", f"0.{at}1 to 0.{at}3", f"0.{at}777"))
    assert text.count("4.2 to 994.5") == len(NAMES)


def test_where_columns_have_no_room_each_value_stands_beside_its_title() -> None:
    text = drawn(COLUMNS, [["a-run", "0.5\n0.4 to 0.6", "0.75", "4.2 to 994.5", "yes"]], 40)
    lines = [line.strip() for line in text.splitlines()]
    assert lines[1:] == ["a-run", "score: 0.5 (0.4 to 0.6)  sq: 0.75", "billion tokens: 4.2 to 994.5", "eligible: yes"]


def test_a_value_stands_under_the_same_value_of_the_row_before() -> None:
    text = drawn(COLUMNS, [["a", "0.5", "1", "4", "yes"], ["b", "0.1234", "1", "4", ""]], 30)
    lines = [line for line in text.splitlines() if "score" in line]
    assert lines[0].index("sq") == lines[1].index("sq")
    assert text.count("eligible") == 1


def test_two_names_in_a_row_are_both_whole() -> None:
    columns = [Column("submission", is_name=True), Column("shared"), Column("with", is_name=True)]
    text = drawn(columns, [[NAMES[1], "12", NAMES[2]]], 40)
    assert NAMES[1] in first_cells(text)
    assert NAMES[2] in first_cells(text)


@pytest.mark.parametrize("width", [1, 5, 18, 30])
@pytest.mark.parametrize("text", ["", "science-questions-of-2025", "a/b.c_d e" * 9, "2 " + "x" * 70])
def test_a_folded_text_loses_nothing_but_spaces(text: str, width: int) -> None:
    lines = folded(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_fields_are_never_broken() -> None:
    assert side_by_side(["one", "two", "three"], 8) == ["one  two", "three"]
    assert side_by_side(["wider than that", "two"], 8) == ["wider than that", "two"]
