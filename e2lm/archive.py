"""Reproducible zip files: the same files give the same bytes on any machine and day."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from e2lm_ingestion.errors import OrganizerError, naming
from e2lm_ingestion.submission.file_rules import RUN_MARK

LITTER = frozenset({"__MACOSX", "__pycache__", "Thumbs.db", "desktop.ini"})
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can hold


def files_under(folder: Path) -> Iterator[tuple[str, Path]]:
    """Each file's name relative to `folder` and its path, sorted, without hidden files, run folders and system litter.

    Raises OrganizerError for a symbolic link: what it points at may be missing or private.
    """
    for path in sorted(folder.rglob("*")):
        name = PurePosixPath(path.relative_to(folder).as_posix())
        if any((folder / parent / RUN_MARK).is_file() for parent in name.parents if parent.name):
            continue
        if any(part.startswith(".") or part in LITTER for part in name.parts) or path.suffix == ".pyc":
            continue
        if path.is_symlink():
            raise OrganizerError(f"{path}: a symbolic link cannot go into a zip; replace it with the file itself")
        if path.is_file():
            yield str(name), path


def write_zip(entries: Mapping[str, bytes], path: Path, comment: bytes = b"") -> None:
    """Write a zip of `entries` (name -> content), sorted by name, without times or owners; `comment` is its end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = zip_bytes(entries, comment)
    with naming(path):
        path.write_bytes(content)


def zip_bytes(entries: Mapping[str, bytes], comment: bytes = b"") -> bytes:
    """The zip that `write_zip` writes."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.comment = comment
        for name in sorted(entries):
            info = zipfile.ZipInfo(name, EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3  # Unix, also when packed on Windows
            info.external_attr = 0o100644 << 16
            archive.writestr(info, entries[name])
    return written.getvalue()
