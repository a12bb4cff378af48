"""The cells of a table as texts: .xlsx (with openpyxl), or text with commas, semicolons or tabs between the cells."""

from __future__ import annotations

import csv
import datetime
import io
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from e2lm_ingestion.errors import SubmissionError

MAX_BYTES = 50_000_000
MAX_ROWS = 20_000  # a submission has at most 15,000 items
MAX_COLUMNS = 200
_FORMULA_ERROR = re.compile(r"#(N/A|REF!|VALUE!|NAME\?|DIV/0!|NUM!|NULL!)")
DELIMITERS = ",;\t"
AS_CSV = (
    'in the spreadsheet, choose "Save as" (or "Download") and the type "CSV UTF-8 (comma delimited)", and give that'
)


@dataclass(frozen=True, slots=True)
class Cells:
    """All cells as texts without white space around them; rows may differ in length."""

    name: str  # of the file, and of the sheet where there are several
    rows: list[list[str]]
    notes: tuple[str, ...] = ()
    doubtful: Mapping[tuple[int, int], str] = field(default_factory=dict)  # cells that are no text, and what to do

    @property
    def width(self) -> int:
        """The number of columns."""
        return max(map(len, self.rows), default=0)

    def at(self, row: int, column: int) -> str:
        """The text of a cell, both numbers from 0; empty beyond the end of a row."""
        own = self.rows[row]
        return own[column] if column < len(own) else ""

    def refuse_doubtful(self, rows: Sequence[int], columns: Collection[int]) -> None:
        """Raise SubmissionError for the first of these cells that is no text."""
        for (row, column), what in self.doubtful.items():
            if row in rows and column in columns:
                raise self.error(row, column, what)

    def error(self, row: int, column: int, what: str) -> SubmissionError:
        """An error that names the cell."""
        return SubmissionError(f"{self.name}, {cell_name(row, column)}: {what}")


def column_letters(column: int) -> str:
    """The name of a column, counted from 0.

    >>> [column_letters(column) for column in (0, 25, 26)]
    ['A', 'Z', 'AA']
    """
    letters = ""
    while column >= 0:
        column, rest = divmod(column, 26)
        letters = chr(ord("A") + rest) + letters
        column -= 1
    return letters


def cell_name(row: int, column: int) -> str:
    """The name of a cell, both numbers counted from 0.

    >>> cell_name(6, 1)
    'B7'
    """
    return f"{column_letters(column)}{row + 1}"


def read_cells(path: Path, sheet: str | None = None) -> Cells:
    """Read a table. `sheet`: the name of one of several sheets. Raises SubmissionError."""
    if not path.is_file():
        raise SubmissionError(f"{path}: there is no such file; give a table of questions, .xlsx, .csv or .tsv")
    if path.stat().st_size > MAX_BYTES:
        raise SubmissionError(f"{path}: more than {MAX_BYTES // 10**6} MB; keep the columns of the questions alone")
    ending = path.suffix.lower()
    if ending in (".xlsx", ".xlsm"):
        cells = _excel(path, sheet)
    elif ending in (".csv", ".tsv", ".tab", ".txt"):
        if sheet is not None:
            raise SubmissionError(f"{path}: --sheet is for .xlsx; a text file has one table: leave it out")
        cells = _text(path)
    else:
        raise SubmissionError(f"{path}: not a table that is read (.xlsx, .csv, .tsv); {AS_CSV}")
    while cells.rows and not any(cells.rows[-1]):
        cells.rows.pop()
    if len(cells.rows) > MAX_ROWS or cells.width > MAX_COLUMNS:
        raise SubmissionError(
            f"{cells.name}: {len(cells.rows):,} rows and {cells.width:,} columns; at most {MAX_ROWS:,} and "
            f"{MAX_COLUMNS}: delete what holds no questions"
        )
    return cells


def _text(path: Path) -> Cells:
    text, notes = _decoded(path)
    if first := re.match(r"sep=(.)\r?\n", text):  # written for Excel; it is no row of the table
        delimiter, text = first[1], "\n" + text[first.end() :]
    else:
        delimiter = _delimiter(text)
    csv.field_size_limit(MAX_BYTES)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    rows: list[list[str]] = []
    begin = end = 0  # the lines of the last row, from 0
    try:
        for row in reader:
            rows.append([_clean(cell) for cell in row])
            begin, end = end, reader.line_num
    except csv.Error as error:
        raise SubmissionError(f"{path.name}: not a table of text: {error}; save it again as CSV UTF-8") from None
    if end > begin + 1:
        _refuse_open_quote(path.name, text, begin, delimiter)
    return Cells(path.name, rows, notes)


def _refuse_open_quote(name: str, text: str, begin: int, delimiter: str) -> None:
    """Raise SubmissionError if a quotation mark that the last row opens is not closed, so that it took all lines."""
    last_row = text.splitlines(keepends=True)[begin:]
    try:
        list(csv.reader(last_row, delimiter=delimiter, strict=True))
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            raise SubmissionError(
                f"{name}, line {begin + 1}: a quotation mark begins a cell and none ends it, so that all lines below "
                "are read as part of the cell; write the second one"
            ) from None


def _decoded(path: Path) -> tuple[str, tuple[str, ...]]:
    content = path.read_bytes()
    if content.startswith(b"PK\x03\x04"):
        raise SubmissionError(f"{path.name}: an Excel file with another ending; rename it to .xlsx")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace"), ()
    if b"\0" in content:
        raise SubmissionError(f"{path.name}: not text; {AS_CSV}")
    try:
        return content.decode("utf-8-sig"), ()
    except UnicodeDecodeError:
        note = f'{path.name} is not UTF-8 and was read as Windows-1252; if letters are wrong, save it as "CSV UTF-8"'
        return content.decode("cp1252", errors="replace"), (note,)


def _delimiter(text: str) -> str:
    """The one of DELIMITERS that gives most rows the same number of cells, at least two."""

    def regular(delimiter: str) -> tuple[int, int]:
        try:
            widths = [len(row) for row in csv.reader(io.StringIO(text), delimiter=delimiter) if any(row)]
        except csv.Error:
            return 0, 0
        several = [width for width in widths if width > 1]
        usual = max(set(several), key=several.count, default=0)
        return several.count(usual), usual

    return max(DELIMITERS, key=regular)


def _excel(path: Path, sheet: str | None) -> Cells:
    try:
        import openpyxl  # an extra
    except ImportError:
        raise SubmissionError(
            f"{path}: Excel files are read with openpyxl, which is not installed: pip install openpyxl; or without it: "
            f"{AS_CSV}"
        ) from None
    try:
        workbook = openpyxl.load_workbook(path, data_only=True)
    except (BadZipFile, KeyError, ValueError, TypeError, OSError, SyntaxError) as error:
        reason = " ".join(str(error).split())[:100]
        raise SubmissionError(f"{path.name}: not a readable Excel file ({reason}); {AS_CSV}") from None
    sheets = [one for one in workbook.worksheets if one.sheet_state == "visible"] or workbook.worksheets
    filled = [one for one in sheets if one.max_row > 1] or sheets
    named = [one for one in workbook.worksheets if one.title == sheet]
    if sheet is not None and not named:
        raise SubmissionError(f"{path.name}: no sheet {sheet!r}; there are: {', '.join(workbook.sheetnames)}")
    if sheet is None and len(filled) > 1:
        raise SubmissionError(
            f"{path.name}: {len(filled)} sheets ({', '.join(one.title for one in filled)}); say which with --sheet NAME"
        )
    chosen = named[0] if named else filled[0]
    name = f"{path.name}, sheet {chosen.title}" if len(workbook.worksheets) > 1 else path.name
    if chosen.max_row > MAX_ROWS or chosen.max_column > MAX_COLUMNS:
        raise SubmissionError(
            f"{name}: {chosen.max_row:,} rows and {chosen.max_column:,} columns; at most {MAX_ROWS:,} and "
            f"{MAX_COLUMNS}: delete what holds no questions"
        )
    values = list(chosen.iter_rows(values_only=True))
    rows = [[_shown(value) for value in row] for row in values]
    doubtful = {
        (number, column): what
        for number, row in enumerate(values)
        for column, value in enumerate(row)
        if (what := _doubt(value))
    }
    return Cells(name, rows, doubtful=doubtful)


def _shown(value: Any) -> str:  # noqa: ANN401 (what a cell holds)
    """A cell's value as a text, as a spreadsheet shows it."""
    if value is None:
        return ""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.12g}"
    return _clean(str(value))


def _doubt(value: Any) -> str:  # noqa: ANN401 (what a cell holds)
    """Why a cell's value is surely not what its author typed, and what to do; empty if it may be."""
    if isinstance(value, (datetime.date, datetime.time, datetime.timedelta)):
        return (
            f"a date or time ({value}), into which Excel turns texts such as 1/2 or 3-4; format the column as Text and "
            "type the cell again"
        )
    if isinstance(value, str) and _FORMULA_ERROR.fullmatch(value):
        return f"{value}, the error of a formula; write the text that is meant"
    return ""


def _clean(cell: str) -> str:
    """Without white space around it, and without what web pages and word processors leave between words."""
    return cell.translate(_BLANKS).strip()


_BLANKS: dict[int, Any] = {0xA0: " ", 0x202F: " ", 0x200B: None, 0xFEFF: None, 0xAD: None, 0x0D: None}
