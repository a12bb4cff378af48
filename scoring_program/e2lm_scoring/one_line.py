"""Text of strangers as one line: for tables, pages and logs."""

from __future__ import annotations

import unicodedata

MOST_MARKS = 3  # accents on one letter; more of them are drawn over the lines above and below
_LEFT_OUT = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})


def one_line(text: str) -> str:
    """The text without control, format and line characters and piled accents, with single spaces.

    Format characters are not drawn, and turn, hide or join what stands beside them; they are removed. Control and line
    characters become spaces.

    >>> one_line("a\\u202eb\\u200bc\\nd" + "\\u0301" * 9)
    'abc d\\u0301\\u0301\\u0301'
    """
    kept, marks = [], 0
    for character in text:
        kind = unicodedata.category(character)
        marks = marks + 1 if kind in ("Mn", "Me") else 0
        if character.isspace() or kind in ("Cc", "Zl", "Zp"):
            kept.append(" ")
        elif kind not in _LEFT_OUT and marks <= MOST_MARKS:
            kept.append(character)
    return " ".join("".join(kept).split())
