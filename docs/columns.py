"""Write the table of columns in docs/metrics.md from the table of the scoring program.

python docs/columns.py [docs/metrics.md]
"""

from __future__ import annotations

import sys
from pathlib import Path

from e2lm_scoring.columns import COLUMNS, Column

BEGIN, END = "<!-- columns: written by `python docs/columns.py` -->", "<!-- end of columns -->"


def table() -> str:
    """The rows of the table, with the titles of its columns."""
    lines = ["| column | title | what | computed as | needs |", "|---|---|---|---|---|"]
    return "\n".join([*lines, *map(_row, COLUMNS)])


def with_table(page: str) -> str:
    """The page with the table between its two marks. Raises ValueError for a page without them."""
    before, found, rest = page.partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not found or not closed:
        raise ValueError(f"the page lacks {BEGIN} or {END}")
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


def _row(column: Column) -> str:
    title = f"{column.title}, {column.symbol}" if column.symbol else column.title
    needs = [need.words for need in column.needs] + ([column.tasks] if column.tasks else [])
    return f"| `{column.key}` | {title} | {column.meaning} | {column.how} | {', '.join(needs)} |"


if __name__ == "__main__":
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/metrics.md")
    path.write_text(with_table(path.read_text(encoding="utf-8")), encoding="utf-8")
