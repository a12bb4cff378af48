"""CSV files for spreadsheets, which would run a text that begins like a formula."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

FORMULA = frozenset("=+-@\t\r\n")  # https://owasp.org/www-community/attacks/CSV_Injection
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")


def guarded(cell: object) -> object:
    """A cell with an apostrophe before it where it is a text that a spreadsheet would run; numbers stay numbers.

    Look-alikes of the first character (full width, small forms) count as that character: some programs take them so.

    >>> [guarded(cell) for cell in ("=1+1", "＝1+1", "-0.5", -0.5, "a=b")]
    ["'=1+1", "'＝1+1", '-0.5', -0.5, 'a=b']
    """
    if not isinstance(cell, str) or _NUMBER.fullmatch(cell):
        return cell
    return f"'{cell}" if unicodedata.normalize("NFKC", cell[:1]) in FORMULA else cell


def csv_text(rows: Iterable[Mapping[str, object]], columns: Sequence[str], *, header: bool = True) -> str:
    """Rows as CSV (RFC 4180) with every cell guarded; what a row lacks, and None, is empty."""
    import pandas as pd  # half a second, which a refused command need not wait for

    harmless = [{key: guarded(cell) for key, cell in row.items()} for row in rows]
    # dtype object: a column of whole numbers with a gap stays one of whole numbers
    table = pd.DataFrame(harmless, columns=list(columns), dtype=object)
    return table.to_csv(index=False, header=header, lineterminator="\r\n")
