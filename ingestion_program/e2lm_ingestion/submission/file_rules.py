"""Rules for every file of a submission, zipped or not: its name, its size, and that it is what its name says."""

from __future__ import annotations

import codecs
import hashlib
import os
import stat
import unicodedata
from collections.abc import Collection, Iterable
from pathlib import Path, PurePosixPath

from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.file_names import CHECKPOINTS, ITEMS, JOURNAL, OF_SCORING, RESULTS, SEAL

MAX_FILES = 200
MAX_BYTES = 500_000_000  # unpacked, all files together
MAX_LINE_BYTES = 10_000_000
MAX_DEPTH = 8
TEXT = (".yaml", ".yml", ".jsonl", ".json", ".csv", ".md", ".txt")
ALLOWED = (*TEXT, ".parquet")
# Workers copy a submission to where the programs leave and look for files of these names.
OURS = (RESULTS, JOURNAL, SEAL, ITEMS, *OF_SCORING)
RUN_MARK = ".e2lm"  # in a folder into which `e2lm run` and others write; no such folder is part of a submission
PACKED = "submission.zip"  # what `e2lm pack` writes by default, also inside the folder that it packs
_CHUNK = 1 << 20


def is_leftover(relative: str) -> bool:
    """Whether macOS or `e2lm pack` put the file there: it is ignored everywhere, the digest included."""
    parts = relative.split("/")
    return "__MACOSX" in parts or parts[-1] in (".DS_Store", PACKED) or parts[-1].startswith("._")


def is_output(relative: str, marks: Collection[str]) -> bool:
    """Whether a file is in a folder that holds a run: one of `marks`, paths of files named RUN_MARK, is in it."""
    folders = (str(parent) for parent in PurePosixPath(relative).parents if parent.name)
    return any(f"{folder}/{RUN_MARK}" in marks for folder in folders)


def shown(name: str) -> str:
    """A stranger's name, safe in one line of a log."""
    return name if name.isprintable() and len(name) <= 120 else repr(name[:120])


def check_name(relative: str) -> None:
    """Raise SubmissionError unless the name is a plain relative path of an allowed kind ("/" between folders)."""
    name = shown(relative)
    parts = relative.split("/")
    if relative.startswith("/") or ".." in parts or ":" in relative or "\\" in relative:
        raise SubmissionError(f"{name}: the path leads out of the submission; zip the folder itself, with plain names")
    if not relative.isprintable() or "" in parts or "." in parts:
        raise SubmissionError(f"{name}: not a plain file name; use letters, digits, - _ and .")
    if len(parts) > MAX_DEPTH or any(len(part.encode()) > 200 for part in parts):
        raise SubmissionError(f"{name}: the name is too long, or in more than {MAX_DEPTH} folders; shorten it")
    base = parts[-1].casefold()
    if base in ("metadata", "metadata.yaml", "metadata.yml"):
        raise SubmissionError(
            f"{name}: Codabench would run it as a program; remove it (`metadata:` in task.yaml is fine)"
        )
    if base in OURS or CHECKPOINTS in (part.casefold() for part in parts[:-1]):
        raise SubmissionError(f"{name}: named like a file that the competition itself writes; rename or remove it")
    if not base.endswith(ALLOWED):
        raise SubmissionError(
            f"{name}: a submission holds data, not programs or archives: {' '.join(ALLOWED)}; remove it"
        )


def check_collisions(relatives: Iterable[str]) -> None:
    """Raise SubmissionError when two names are one on some machine: repeated, or apart in case or accents only."""
    seen: dict[str, str] = {}
    for relative in relatives:
        key = unicodedata.normalize("NFC", relative).casefold()
        if key in seen:
            raise SubmissionError(f"{shown(relative)}: {shown(seen[key])} has the same name; rename or remove one")
        seen[key] = relative
    for key, relative in seen.items():
        folder = next((str(parent) for parent in PurePosixPath(key).parents if str(parent) in seen), None)
        if folder is not None:
            raise SubmissionError(f"{shown(relative)}: {shown(seen[folder])} is a file and a folder; rename one")


def list_files(folder: Path) -> dict[str, Path]:
    """Relative path -> file, sorted, without leftovers and runs. Raises SubmissionError for links and devices."""
    found: dict[str, Path] = {}
    pending, entries, total = [folder], 0, 0
    while pending:
        for entry in os.scandir(pending.pop()):
            relative = Path(entry.path).relative_to(folder).as_posix()
            if is_leftover(relative):
                continue
            entries += 1
            if entries > 2 * MAX_FILES:  # folders count too, so that a wrong folder is noticed without walking it all
                raise SubmissionError(
                    f"more than {MAX_FILES} files; join them, and check that this is the right folder"
                )
            status = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                if not Path(entry.path, RUN_MARK).is_file():
                    pending.append(Path(entry.path))
                continue
            if not stat.S_ISREG(status.st_mode):
                raise SubmissionError(f"{shown(relative)}: a link or device; put the file itself there")
            check_name(relative)
            found[relative] = Path(entry.path)
            total += status.st_size
    if len(found) > MAX_FILES or total > MAX_BYTES:
        raise SubmissionError(
            f"{len(found)} files, {total / 1e6:,.0f} MB; at most {MAX_FILES} files and {MAX_BYTES / 1e6:,.0f} MB in all"
        )
    check_collisions(found)
    return dict(sorted((unicodedata.normalize("NFC", name), path) for name, path in found.items()))


def check_and_digest(files: dict[str, Path]) -> str:
    """SHA-256 over sorted names, lengths and bytes. Raises SubmissionError for a text file that is no UTF-8 text."""
    digest = hashlib.sha256()
    for relative, path in sorted(files.items()):
        for part in (relative.encode(), str(path.stat().st_size).encode()):
            digest.update(part + b"\0")
        check = _TextCheck(relative) if relative.lower().endswith(TEXT) else None
        with path.open("rb") as file:
            if check is None and file.read(4) != b"PAR1":
                raise SubmissionError(f"{shown(relative)}: not a parquet file")
            file.seek(0)
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                if check is not None:
                    check.feed(chunk)
        if check is not None:
            check.feed(b"", last=True)
    return digest.hexdigest()


class _TextCheck:
    """UTF-8 without NUL in lines of bounded length, chunk by chunk."""

    def __init__(self, relative: str) -> None:
        self._name = shown(relative)
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._bounded = not relative.lower().endswith(".json")  # a JSON array may stand on one line
        self._line = 1
        self._carried = 0

    def feed(self, chunk: bytes, *, last: bool = False) -> None:
        try:
            self._decode(chunk, last)
        except UnicodeDecodeError as error:
            line = self._line + error.object[: error.start].count(b"\n")
            raise SubmissionError(f"{self._name}, line {line}: not UTF-8; save the file as UTF-8 text") from None
        if b"\0" in chunk:
            line = self._line + chunk[: chunk.index(b"\0")].count(b"\n")
            raise SubmissionError(f"{self._name}, line {line}: a NUL byte; save the file as UTF-8 text")
        first = chunk.find(b"\n")
        self._carried += len(chunk) if first < 0 else first
        if self._bounded and self._carried > MAX_LINE_BYTES:
            raise SubmissionError(
                f"{self._name}, line {self._line}: longer than {MAX_LINE_BYTES / 1e6:.0f} MB; shorten it"
            )
        if first >= 0:
            self._line += chunk.count(b"\n")
            self._carried = len(chunk) - chunk.rfind(b"\n") - 1
