"""Rules for the files of a submission, zipped or not: names, sizes, and content that matches the file type."""

from __future__ import annotations

import codecs
import contextlib
import hashlib
import io
import os
import stat
import unicodedata
from collections.abc import Callable, Collection, Iterable
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from e2lm_ingestion.errors import Problems, SubmissionError
from e2lm_ingestion.file_names import CHECKPOINTS, ITEMS, JOURNAL, OF_SCORING, ORGANIZERS_LOG, RESULTS, SEAL

MAX_FILES = 200
MAX_BYTES = 500_000_000  # unpacked, all files together
MAX_LINE_BYTES = 10_000_000
MAX_DEPTH = 8
TEXT = (".yaml", ".yml", ".jsonl", ".json", ".csv", ".md", ".txt")
ALLOWED = (*TEXT, ".parquet")
# Workers copy a submission into folders where the two programs write and read files of these names.
RESERVED_NAMES = (RESULTS, JOURNAL, SEAL, ITEMS, ORGANIZERS_LOG, *OF_SCORING)
RUN_MARK = ".e2lm"  # file in a folder that `e2lm run` and other commands write; such folders are not submitted
PACKED = "submission.zip"  # default output of `e2lm pack`, possibly inside the folder that it packs
PACK_MARK = b"packed by e2lm, not part of a submission"  # the comment (the last bytes) of zips that `e2lm pack` writes
# What systems, editors and version control leave beside data. Such files are left out everywhere, also of the digest.
LEFT_FOLDERS = frozenset(
    {
        "__MACOSX",
        ".git",
        ".github",
        ".svn",
        ".hg",
        "__pycache__",
        ".ipynb_checkpoints",
        ".vscode",
        ".idea",
        ".pytest_cache",
    }
    | {".ruff_cache", ".mypy_cache", ".venv", "$RECYCLE.BIN", ".Trashes", ".Spotlight-V100", ".fseventsd"}
)
LEFT_FILES = frozenset(
    {".ds_store", "thumbs.db", "desktop.ini", ".directory", ".localized", PACKED}
    | {".git", ".gitignore", ".gitattributes", ".gitkeep", ".gitmodules", ".editorconfig", ".pre-commit-config.yaml"}
    | {"license", "licence", "copying", "notice", "readme", "citation", "authors", "changelog", "citation.cff"}
)
LEFT_ENDINGS = (".pdf", ".pyc", ".pyo", ".swp", ".bib", ".rst")
_CHUNK = 1 << 20

# By the end of a name: what to do with a file that holds data in another form.
_REMEDIES = {
    (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".numbers"): 'a spreadsheet: save it as "CSV UTF-8 (comma delimited)", '
    "and write `dataset_path: csv`; or make a task of it with e2lm new NAME --from FILE",
    (".tsv", ".tab"): "columns separated by tabs: save it with commas as .csv, and write `dataset_path: csv`",
    (".ndjson", ".jsonlines"): "one JSON object per line: rename it to .jsonl",
    (".gz", ".bz2", ".xz", ".zst"): "compressed: unpack it, and name the file that comes out (the zip compresses)",
    (
        ".arrow",
        ".feather",
        ".pkl",
        ".pickle",
        ".npy",
        ".npz",
        ".h5",
        ".db",
        ".sqlite",
        ".orc",
        ".avro",
        ".xml",
        ".html",
        ".sql",
        ".rds",
        ".rdata",
        ".sav",
        ".dta",
        ".mat",
    ): "not a format that is read: write the documents as .jsonl, .csv or .parquet, as with datasets' `to_json`",
    (".py", ".ipynb"): "a submission holds data, not programs or archives, and nothing of it runs: remove it; `e2lm "
    "import-lm-eval` writes what a task of lm-evaluation-harness computes as data",
    (".doc", ".docx", ".odt", ".rtf", ".pages"): "a text document: write its items as .jsonl or .csv, and remove it",
    (".zip", ".rar", ".7z", ".tgz"): "a submission holds data, not programs or archives: unpack it, and put the files "
    "themselves into the submission",
    (".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".tif", ".tiff", ".bmp"): "a picture, and the models read text "
    "alone: remove it",
    (".bak", ".orig", ".old", ".tmp", ".part", "~"): "a copy that a program left: remove it",
    (".yaml.txt", ".yml.txt", ".jsonl.txt", ".csv.txt", ".json.txt"): "an editor added .txt to the name: rename it "
    "without .txt",
}


def plain_name(relative: str) -> str:
    """The name as its author sees it, with composed accents.

    Tools write `\\` between folders (PowerShell), UTF-8 that they declare as code page 437, and decomposed accents
    (Finder). A name that is not UTF-8 in code page 437 stays as it is.
    """
    with contextlib.suppress(UnicodeError):
        relative = relative.encode("cp437").decode("utf-8")
    return unicodedata.normalize("NFC", relative.replace("\\", "/"))


def is_left_out(relative: str) -> bool:
    """Whether a file is surely no data: systems, editors, version control or `e2lm pack` write such files."""
    *folders, name = relative.split("/")
    lower = name.lower()
    return (
        not LEFT_FOLDERS.isdisjoint(folders)
        or lower in LEFT_FILES
        or lower.startswith("._")
        or lower.endswith(LEFT_ENDINGS)
    )


def is_unseen(relative: str) -> bool:
    """Whether a file that is left out is one that its author does not know of, and that needs no note."""
    parts = relative.split("/")
    return "__MACOSX" in parts or parts[-1] in (".DS_Store", PACKED) or parts[-1].startswith("._")


def is_output(relative: str, marks: Collection[str]) -> bool:
    """Whether a file is in the output folder of a run; `marks` are the paths of all files named RUN_MARK."""
    folders = (str(parent) for parent in PurePosixPath(relative).parents if parent.name)
    return any(f"{folder}/{RUN_MARK}" in marks for folder in folders)


def is_packed(relative: str, open_file: Callable[[], IO[bytes]]) -> bool:
    """Whether the file is a zip that `e2lm pack` wrote. Under any name, it is ignored like a leftover."""
    if not relative.casefold().endswith(".zip"):
        return False
    end = b""
    with open_file() as file:
        while chunk := file.read(_CHUNK):
            end = (end + chunk)[-len(PACK_MARK) :]
    return end == PACK_MARK


def shown(name: str) -> str:
    """An untrusted name, made safe for one line of a log."""
    return name if name.isprintable() and len(name) <= 120 else repr(name[:120])


def check_name(relative: str) -> None:
    """Raise SubmissionError unless the name is a plain relative path with "/" separators and an allowed extension."""
    name = shown(relative)
    parts = relative.split("/")
    if relative.startswith("/") or ".." in parts or ":" in relative or "\\" in relative:
        raise SubmissionError(f"{name}: the path leads out of the submission; zip the folder itself, with plain names")
    if not relative.isprintable() or "" in parts or "." in parts:
        raise SubmissionError(f"{name}: not a plain file name; use letters, digits, - _ and .")
    if len(parts) > MAX_DEPTH or any(len(part.encode()) > 200 for part in parts):
        raise SubmissionError(f"{name}: the name is too long, or in more than {MAX_DEPTH} folders; shorten it")
    base = parts[-1].casefold()
    if not {"metadata", "metadata.yaml", "metadata.yml"}.isdisjoint(part.casefold() for part in parts):
        raise SubmissionError(
            f"{name}: Codabench would run it as a program; remove it (`metadata:` in task.yaml is fine)"
        )
    if base in RESERVED_NAMES or CHECKPOINTS in (part.casefold() for part in parts[:-1]):
        raise SubmissionError(f"{name}: named like a file that the competition itself writes; rename or remove it")
    for endings, remedy in _REMEDIES.items():
        if base.endswith(endings) and ".tar" not in base:
            raise SubmissionError(f"{name}: {remedy}")
    if not base.endswith(ALLOWED) and "." in base:  # without an ending: a file that tasks include, as _template_yaml
        raise SubmissionError(
            f"{name}: a submission holds data, not programs or archives: {' '.join(ALLOWED)}; remove it"
        )


def is_text(relative: str) -> bool:
    """Whether a file of this name holds text."""
    return not relative.lower().endswith(".parquet")


def check_collisions(relatives: Iterable[str]) -> None:
    """Raise SubmissionError for names that are equal on some file system: they differ only in case or Unicode form."""
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


def list_files(folder: Path, *, besides: Path | None = None) -> tuple[dict[str, Path], list[str]]:
    """Relative path -> file, sorted, without packed submissions and runs; and the names of what is left out.

    `besides` is a file that may be there and is no part of the submission. Raises SubmissionError for links, devices,
    bad names, and too many or too large files.
    """
    found: dict[str, Path] = {}
    left_out: list[str] = []
    pending, entries, total = [folder], 0, 0
    problems = Problems()
    while pending:
        for entry in os.scandir(pending.pop()):
            relative = plain_name(Path(entry.path).relative_to(folder).as_posix())
            is_folder = entry.is_dir(follow_symlinks=False)
            if is_left_out(f"{relative}/" if is_folder else relative):
                left_out += [] if is_unseen(relative) else [relative]
                continue
            if besides is not None and Path(entry.path).resolve() == besides.resolve():
                continue
            entries += 1
            if entries > 2 * MAX_FILES:  # count folders too, to notice a wrong folder without walking all of it
                raise SubmissionError(
                    f"more than {MAX_FILES} files; join them, and check that this is the right folder"
                )
            status = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                if not Path(entry.path, RUN_MARK).is_file():
                    pending.append(Path(entry.path))
                continue
            with problems.gathering():
                if not stat.S_ISREG(status.st_mode):
                    raise SubmissionError(f"{shown(relative)}: a link or device; put the file itself there")
                if is_packed(relative, partial(io.FileIO, entry.path)):
                    continue
                check_name(relative)
                if relative in found:
                    raise SubmissionError(f"{shown(relative)}: two files have this name; rename or remove one")
                found[relative] = Path(entry.path)
                total += status.st_size
    problems.raise_any()
    if len(found) > MAX_FILES or total > MAX_BYTES:
        raise SubmissionError(
            f"{len(found)} files, {total / 1e6:,.0f} MB; at most {MAX_FILES} files and {MAX_BYTES / 1e6:,.0f} MB in all"
        )
    check_collisions(found)
    return dict(sorted(found.items())), sorted(left_out)


def check_and_digest(files: dict[str, Path]) -> str:
    """SHA-256 (hex) over sorted names, lengths and bytes.

    Raises SubmissionError for a text file that is not UTF-8 or has too long lines, and for a file that is not parquet.
    """
    digest = hashlib.sha256()
    for relative, path in sorted(files.items()):
        for part in (relative.encode(), str(path.stat().st_size).encode()):
            digest.update(part + b"\0")
        check = _TextCheck(relative) if is_text(relative) else None
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


# The first bytes of files that are no text: what they are, and what to do.
_BINARY = (
    (
        (b"PK\x03\x04", b"\xd0\xcf\x11\xe0"),
        'a spreadsheet or a zip, not text: save it as "CSV UTF-8 (comma delimited)"',
    ),
    ((b"PAR1",), "a parquet file: give it the ending .parquet, and write `dataset_path: parquet`"),
    ((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd"), "compressed: unpack it"),
    ((b"\xff\xfe", b"\xfe\xff"), "UTF-16 text: save it as UTF-8"),
    ((b"version https://git-lfs",), "a pointer of Git LFS, not the file: fetch it with git lfs pull"),
    ((b"<!DOCTYPE", b"<!doctype", b"<html"), "a web page, not data: download the file itself"),
)


def _refuse_binary(start: bytes, name: str) -> None:
    """Refuse a file of which the first bytes say that it is no text of JSON, CSV or YAML."""
    excel = ', in Excel as "CSV UTF-8"' if name.lower().endswith(".csv") else ""
    for marks, what in _BINARY:
        if start.startswith(marks):
            raise SubmissionError(f"{name}, line 1: {what}{excel if 'UTF-16' in what else ''}")
    odd = [at for at, byte in enumerate(start[:1000]) if byte < 32 and byte not in b"\t\n\r\f"]
    if len(odd) > len(start[:1000]) / 50 + 1:
        line = 1 + start[: odd[0]].count(b"\n")
        raise SubmissionError(f"{name}, line {line}: not a text file; save the documents as UTF-8 text")


class _TextCheck:
    """Checks chunk by chunk that a file is UTF-8 text without NUL in lines of limited length."""

    def __init__(self, relative: str) -> None:
        self._name = shown(relative)
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._bounded = not relative.lower().endswith(".json")  # a JSON array may be on one line
        self._begun = False
        self._line = 1
        self._line_bytes = 0  # of the current line so far

    def feed(self, chunk: bytes, *, last: bool = False) -> None:
        if not self._begun:
            _refuse_binary(chunk, self._name)
            self._begun = True
        try:
            self._decode(chunk, last)
        except UnicodeDecodeError as error:
            line = self._line + error.object[: error.start].count(b"\n")
            excel = ', in Excel as "CSV UTF-8"' if self._name.lower().endswith(".csv") else ""
            raise SubmissionError(f"{self._name}, line {line}: not UTF-8; save the file as UTF-8 text{excel}") from None
        if b"\0" in chunk:
            line = self._line + chunk[: chunk.index(b"\0")].count(b"\n")
            raise SubmissionError(f"{self._name}, line {line}: a NUL byte; save the file as UTF-8 text")
        first = chunk.find(b"\n")
        self._line_bytes += len(chunk) if first < 0 else first
        if self._bounded and self._line_bytes > MAX_LINE_BYTES:
            raise SubmissionError(
                f"{self._name}, line {self._line}: longer than {MAX_LINE_BYTES / 1e6:.0f} MB; shorten it"
            )
        if first >= 0:
            self._line += chunk.count(b"\n")
            self._line_bytes = len(chunk) - chunk.rfind(b"\n") - 1
