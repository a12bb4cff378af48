"""rerun.json: the submissions of a rerun and the status of each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.results.folder import write_atomically

INDEX = "rerun.json"
FINISHED = "finished"  # an earlier rerun computed every checkpoint; scoring remains


@dataclass(frozen=True, slots=True)
class Row:
    """One submission in rerun.json."""

    name: str  # of its folder
    path: str  # its path
    sha256: str  # digest of its content, or of a zip that could not be opened; "" for a folder that could not
    status: str  # waiting, finished, done or failed
    reason: str = ""  # why it failed, in one line


def write_index(out: Path, rows: Sequence[Row]) -> None:
    """Write rerun.json into the folder of a rerun."""
    out.mkdir(parents=True, exist_ok=True)
    content = {"submissions": [asdict(row) for row in rows]}
    write_atomically(out / INDEX, (json.dumps(content, indent=1) + "\n").encode())


def failed_in(folder: Path) -> list[Row]:
    """The submissions that failed in a rerun; none if the folder has no rerun.json. Raises OrganizerError."""
    path = folder / INDEX
    if not path.is_file():
        return []
    try:
        rows = [Row(**row) for row in json.loads(path.read_text(encoding="utf-8"))["submissions"]]
    except (OSError, ValueError, KeyError, TypeError):
        raise OrganizerError(f"{path}: damaged; run e2lm rerun again, which keeps finished work") from None
    return [row for row in rows if row.status == "failed"]
