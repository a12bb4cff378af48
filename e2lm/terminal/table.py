"""Tables for the terminal that never truncate: names wrap; if columns do not fit, a row becomes a block of lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.cells import cell_len, chop_cells
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

NAME_WIDTH = 24
GAP = "  "


@dataclass(frozen=True, slots=True)
class Column:
    """One column; names may wrap, other cells never do."""

    title: str
    is_name: bool = False
    left: bool = False  # left-aligned; names always are
    least: int = NAME_WIDTH  # minimum width of a name column, in characters; longer names wrap


def fitted_table(title: str, columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> RenderableType:
    """A table with rules between columns or, if narrower, without; or else a block of lines for each row.

    Cells may have several lines. Texts are shown as they are, not read as markup.
    """
    least = [_least(column, [row[at] for row in rows]) for at, column in enumerate(columns)]
    for with_lines in (True, False):
        room = width - (3 * len(columns) + 1 if with_lines else len(GAP) * (len(columns) - 1))
        if sum(least) <= room:
            return _table(title, columns, rows, _widened(columns, rows, least, room), with_lines=with_lines)
    return _blocks(title, columns, rows, width)


def folded(text: str, width: int) -> list[str]:
    """The lines of a text within a width, broken after - _ . / and spaces if possible.

    >>> folded("science-questions-of-ours", 18)
    ['science-questions-', 'of-ours']
    """
    lines = []
    for whole in text.split("\n"):
        line = ""
        for piece in re.split(r"(?<=[-_./ ])", whole):
            if cell_len(piece.rstrip()) > width:  # too long for any line: fill the current one first
                *full, line = chop_cells(line + piece, width)
                lines += full
            elif cell_len(line + piece.rstrip()) > width:
                lines.append(line.rstrip())
                line = piece
            else:
                line += piece
        lines.append(line.rstrip())
    return lines


def side_by_side(fields: Sequence[str], width: int, gap: str = GAP) -> list[str]:
    """Fields packed into as few lines as possible, each field unbroken."""
    lines: list[str] = []
    for field in fields:
        if lines and cell_len(lines[-1] + gap + field.rstrip()) <= width:
            lines[-1] += gap + field
        else:
            lines.append(field)
    return [line.rstrip() for line in lines]


def _widest(texts: Sequence[str]) -> int:
    return max((cell_len(line) for text in texts for line in text.split("\n")), default=0)


def _least(column: Column, cells: Sequence[str]) -> int:
    """The minimum width of a column: titles wrap between words, names anywhere."""
    own = min(_widest(cells), column.least) if column.is_name else _widest(cells)
    return max(1, own, _widest(column.title.split()))


def _widened(columns: Sequence[Column], rows: Sequence[Sequence[str]], least: Sequence[int], room: int) -> list[int]:
    """The widths of all columns: spare room goes to names, then to titles."""
    widths = list(least)
    for at in sorted(range(len(columns)), key=lambda at: not columns[at].is_name):
        wanted = _widest([columns[at].title, *(row[at] for row in rows)])
        widths[at] += max(0, min(wanted - widths[at], room - sum(widths)))
    return widths


def _table(
    title: str, columns: Sequence[Column], rows: Sequence[Sequence[str]], widths: Sequence[int], *, with_lines: bool
) -> Table:
    style = box.HEAVY_HEAD if with_lines else box.SIMPLE_HEAD
    padding = (0, 1) if with_lines else (0, 1, 0, 0)
    table = Table(title=Text(title), box=style, show_edge=with_lines, padding=padding, pad_edge=with_lines)
    for column, width in zip(columns, widths, strict=True):
        left = column.is_name or column.left
        table.add_column(Text(column.title), justify="left" if left else "right", width=width)
    for row in rows:
        table.add_row(*(Text("\n".join(folded(cell, width))) for cell, width in zip(row, widths, strict=True)))
    return table


def _blocks(title: str, columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> Group:
    """Each row as its name followed by its titled values, which are aligned between rows."""
    head = next(at for at, column in enumerate(columns) if column.is_name) + 1
    values = [at for at in range(head, len(columns)) if not columns[at].is_name]
    names = [at for at in range(head, len(columns)) if columns[at].is_name]
    widest = {at: max(cell_len(_field(columns[at], row[at])) for row in rows) for at in values} if rows else {}
    parts = [Text(title, style="italic")] if title else []
    for row in rows:
        parts += [Text(line, style="bold") for line in folded(GAP.join(filter(None, row[:head])), width)]
        fields = []
        for at in values:
            text = _field(columns[at], row[at])
            fields.append(text + " " * (widest[at] - cell_len(text)))
        lines = side_by_side(fields, width - len(GAP))
        for at in names:
            text = f"{columns[at].title}: {row[at].replace(chr(10), '; ')}"
            lines += folded(text, width - len(GAP)) if row[at] else []
        parts += [Text(GAP + line) for line in lines if line]
    return Group(*parts)


def _field(column: Column, cell: str) -> str:
    """`score: 0.5873 (0.52 to 0.63)` of a cell of two lines; nothing of an empty one."""
    if not cell:
        return ""
    first, *more = cell.split("\n")
    return f"{column.title}: {first}" + (f" ({', '.join(more)})" if more else "")
