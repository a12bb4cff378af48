"""Arrays of a results folder, checked against the digest that its results.json has of them."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path, PurePosixPath

import numpy as np

from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.file_names import RESULTS


def read_arrays(results: Path, name: str, sha256: str) -> dict[str, np.ndarray]:
    """The arrays of one .npz file, `name` within the folder. Raises OrganizerError where it is missing or another."""
    path = results / PurePosixPath(name)
    try:
        if not path.resolve().is_relative_to(results.resolve()):
            raise OrganizerError(f"{results / RESULTS}: {name!r} is outside the folder; run the submission again")
        content = path.read_bytes()
    except (OSError, ValueError):  # ValueError: NUL in the path
        raise OrganizerError(f"{path}: missing or unreadable; run the submission again") from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise OrganizerError(
            f"{path}: not the file that ingestion wrote (its digest differs); run the submission again"
        )
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            return {key: file[key] for key in file.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile):
        raise OrganizerError(f"{path}: not arrays; run the submission again") from None
