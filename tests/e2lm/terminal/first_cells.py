"""Names in tables that may have folded them."""

from __future__ import annotations

import re


def first_cells(text: str) -> str:
    """What stands first in each line, one after the other: names that were folded are whole again."""
    return "".join(re.split(r" *│|  +", line.strip(" │"))[0] for line in text.splitlines())
