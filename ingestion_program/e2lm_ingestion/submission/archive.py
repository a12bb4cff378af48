"""Unpacks an untrusted zip into a folder; all entries are checked before the first byte is written."""

from __future__ import annotations

import mmap
import stat
import unicodedata
import zipfile
from functools import partial
from pathlib import Path

from e2lm_ingestion.errors import SubmissionError, naming
from e2lm_ingestion.submission.file_rules import (
    MAX_BYTES,
    MAX_FILES,
    RUN_MARK,
    check_collisions,
    check_name,
    is_leftover,
    is_output,
    is_packed,
    shown,
)

MAX_RATIO = 200  # unpacked bytes per zipped byte; text rarely passes 20
MAX_ZIP_RATIO = 2  # of a zip within the zip, whose end is read to find the mark of `e2lm pack`
_SMALL = 1_000_000  # bytes; smaller files may have any ratio
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_CHUNK = 1 << 20
_LOCAL_HEADER = 30  # bytes before the name
_ENTRY_SIGNATURE = b"PK\x01\x02"


def unzip(path: Path, folder: Path) -> None:
    """Unpack `path` into the empty `folder`. Raises SubmissionError for a damaged, hostile or too large zip."""
    _refuse_non_zip(path)
    try:
        with zipfile.ZipFile(path) as archive:
            _refuse_overlaps(archive)
            checked = _checked(archive)
            for info, relative in checked:
                _write(archive, info, folder / unicodedata.normalize("NFC", relative))
    except (SubmissionError, MemoryError):
        raise
    except Exception as error:  # zipfile raises many kinds of exceptions on damaged bytes
        raise SubmissionError(f"{shown(path.name)}: damaged: {shown(str(error))}; zip the folder again") from None


def _refuse_non_zip(path: Path) -> None:
    """Check size, signature and number of entries first, because zipfile would load millions of entries into memory."""
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise SubmissionError(f"{shown(path.name)}: {size / 1e6:,.0f} MB; at most {MAX_BYTES / 1e6:,.0f} MB")
    with path.open("rb") as file:
        start = file.read(4)
        if start == b"PK\x05\x06":
            raise SubmissionError(f"{shown(path.name)}: the zip is empty; it needs a task.yaml and data files")
        if start != b"PK\x03\x04":
            raise SubmissionError(f"{shown(path.name)}: not a zip; zip the folder that holds task.yaml")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            entries, location = 0, content.find(_ENTRY_SIGNATURE)
            while location >= 0:
                entries += 1
                if entries > 10 * MAX_FILES:  # folders and files added by macOS do not count as files
                    raise SubmissionError(f"{shown(path.name)}: too many files; at most {MAX_FILES}")
                location = content.find(_ENTRY_SIGNATURE, location + 4)


def _refuse_overlaps(archive: zipfile.ZipFile) -> None:
    """Refuse entries that share bytes. No zip tool writes them, and a zip bomb can unpack to the square of its size."""
    end = archive.start_dir
    for info in sorted(archive.infolist(), key=lambda info: info.header_offset, reverse=True):
        if info.header_offset + _LOCAL_HEADER + info.compress_size > end:
            raise SubmissionError(f"{shown(info.orig_filename)}: its bytes overlap another's; zip the folder again")
        end = info.header_offset


def _checked(archive: zipfile.ZipFile) -> list[tuple[zipfile.ZipInfo, str]]:
    """The entries to unpack and their names, all checked."""
    kept: list[tuple[zipfile.ZipInfo, str]] = []
    infos = archive.infolist()
    marks = {info.orig_filename for info in infos if info.orig_filename.endswith(f"/{RUN_MARK}")}
    for info in infos:
        relative = info.orig_filename
        if is_leftover(relative) or is_output(relative, marks):
            continue
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise SubmissionError(f"{shown(relative)}: a link or device; put the file itself there")
        if info.flag_bits & 0x41:
            raise SubmissionError(f"{shown(relative)}: encrypted; zip it without a password")
        if relative.endswith("/"):
            check_name(relative + "folder.txt")
            continue
        if _is_packed_entry(archive, info):
            continue
        check_name(relative)
        _check_size(info, relative)
        kept.append((info, relative))
    if not kept:
        raise SubmissionError("the zip is empty; it needs a task.yaml and data files")
    total = sum(info.file_size for info, _ in kept)
    if len(kept) > MAX_FILES or total > MAX_BYTES:
        raise SubmissionError(
            f"{len(kept)} files, {total / 1e6:,.0f} MB; at most {MAX_FILES} files and {MAX_BYTES / 1e6:,.0f} MB in all"
        )
    check_collisions(relative for _, relative in kept)
    return kept


def _is_packed_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bool:
    readable = info.compress_type in _METHODS and info.file_size <= MAX_ZIP_RATIO * info.compress_size
    return readable and is_packed(info.orig_filename, partial(archive.open, info))


def _check_size(info: zipfile.ZipInfo, relative: str) -> None:
    if info.compress_type not in _METHODS:
        raise SubmissionError(
            f"{shown(relative)}: packed with an unusual method; zip it with the ordinary one (deflate)"
        )
    if info.file_size > _SMALL and info.file_size > MAX_RATIO * info.compress_size:
        raise SubmissionError(
            f"{shown(relative)}: unpacks to more than {MAX_RATIO} times its size; remove what repeats"
        )


def _write(archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path) -> None:
    """Unpack one entry; zipfile stops at the declared size and verifies the checksum."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with naming(target), archive.open(info) as source, target.open("xb") as sink:
        while chunk := source.read(_CHUNK):
            sink.write(chunk)
