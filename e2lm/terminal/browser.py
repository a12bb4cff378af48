"""Opens a page in the browser."""

from __future__ import annotations

import sys
import webbrowser
from pathlib import Path


def open_page(page: Path) -> None:
    """Open a file in the user's browser, or say that there is none."""
    if not webbrowser.open(page.resolve().as_uri()):
        print(f"no browser was found here: open {page} in one", file=sys.stderr)
