"""Unpacks an untrusted zip into a folder; all entries are checked before the first byte is written."""

from __future__ import annotations

import mmap
import stat
import struct
import zipfile
import zlib
from functools import partial
from pathlib import Path

from e2lm_ingestion.errors import Problems, SubmissionError, naming
from e2lm_ingestion.submission.file_rules import (
    MAX_BYTES,
    MAX_FILES,
    RUN_MARK,
    check_collisions,
    check_name,
    is_left_out,
    is_output,
    is_packed,
    is_unseen,
    plain_name,
    shown,
)

MAX_RATIO = 200  # unpacked bytes per zipped byte; text rarely passes 20
MAX_ZIP_RATIO = 2  # of a zip within the zip, whose end is read to find the mark of `e2lm pack`
_SMALL = 1_000_000  # bytes; smaller files may have any ratio
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_CHUNK = 1 << 20
_LOCAL_HEADER = 30  # bytes before the name
_ENTRY_SIGNATURE = b"PK\x01\x02"
_UTF8 = 0x800  # flag of an entry whose name is UTF-8
_EXTRA_HEADER, _UNICODE_PATH = struct.Struct("<HH"), 0x7075  # APPNOTE.TXT of the ZIP format, 4.6.9
_PATH_HEADER = struct.Struct("<BL")  # version, CRC-32 of the entry's other name


def unzip(path: Path, folder: Path) -> list[str]:
    """Unpack `path` into the empty `folder`, and return the names of entries that are left out.

    Raises SubmissionError for a damaged, hostile or too large zip.
    """
    _refuse_non_zip(path)
    try:
        with zipfile.ZipFile(path) as archive:
            _refuse_overlaps(archive)
            checked, left_out = _checked(archive)
            for info, relative in checked:
                _write(archive, info, folder / relative)
            return left_out
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
                    raise SubmissionError(
                        f"{shown(path.name)}: too many files; at most {MAX_FILES}: leave out all but task.yaml and data"
                    )
                location = content.find(_ENTRY_SIGNATURE, location + 4)


def _refuse_overlaps(archive: zipfile.ZipFile) -> None:
    """Refuse entries that share bytes. No zip tool writes them, and a zip bomb can unpack to the square of its size."""
    end = archive.start_dir
    for info in sorted(archive.infolist(), key=lambda info: info.header_offset, reverse=True):
        if info.header_offset + _LOCAL_HEADER + info.compress_size > end:
            raise SubmissionError(f"{shown(info.orig_filename)}: its bytes overlap another's; zip the folder again")
        end = info.header_offset


def _named(infos: list[zipfile.ZipInfo]) -> list[tuple[zipfile.ZipInfo, str]]:
    """Every entry with its plain name. Where all begin with "./", that is taken off, as tools do."""
    names = [plain_name(_unicode_path(info) or info.orig_filename) for info in infos]
    if all(name.startswith("./") for name in names):
        names = [name.removeprefix("./") for name in names]
    return [(info, name) for info, name in zip(infos, names, strict=True) if name]


def _unicode_path(info: zipfile.ZipInfo) -> str | None:
    """The name in Info-ZIP's Unicode path field, if the entry has one and it is of this name."""
    extra = info.extra
    while len(extra) >= _EXTRA_HEADER.size:
        kind, size = _EXTRA_HEADER.unpack_from(extra)
        field, extra = extra[_EXTRA_HEADER.size :][:size], extra[_EXTRA_HEADER.size + size :]
        if kind != _UNICODE_PATH or len(field) < _PATH_HEADER.size or info.flag_bits & _UTF8:
            continue
        version, checksum = _PATH_HEADER.unpack_from(field)
        if version == 1 and checksum == zlib.crc32(info.orig_filename.encode("cp437")):
            return field[_PATH_HEADER.size :].decode("utf-8")
    return None


def _checked(archive: zipfile.ZipFile) -> tuple[list[tuple[zipfile.ZipInfo, str]], list[str]]:
    """The entries to unpack and their names, all checked; and the names of those that are left out."""
    kept: list[tuple[zipfile.ZipInfo, str]] = []
    left_out: list[str] = []
    infos = _named(archive.infolist())
    problems = Problems()
    marks = {relative for _, relative in infos if relative.endswith(f"/{RUN_MARK}")}
    for info, relative in infos:
        if is_left_out(relative):
            left_out += [] if is_unseen(relative) else [relative]
            continue
        if is_output(relative, marks):
            continue
        with problems.gathering():
            if _is_kept(archive, info, relative):
                kept.append((info, relative))
    problems.raise_any()
    if not kept:
        raise SubmissionError("the zip is empty; it needs a task.yaml and data files")
    total = sum(info.file_size for info, _ in kept)
    if len(kept) > MAX_FILES or total > MAX_BYTES:
        raise SubmissionError(
            f"{len(kept)} files, {total / 1e6:,.0f} MB; at most {MAX_FILES} files and {MAX_BYTES / 1e6:,.0f} MB in all"
        )
    check_collisions(relative for _, relative in kept)
    return kept, left_out


def _is_kept(archive: zipfile.ZipFile, info: zipfile.ZipInfo, relative: str) -> bool:
    """Whether an entry is a file of the submission. Raises SubmissionError for one that may not be there."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise SubmissionError(f"{shown(relative)}: a link or device; put the file itself there")
    if info.flag_bits & 0x41:
        raise SubmissionError(f"{shown(relative)}: encrypted; zip it without a password")
    if relative.endswith("/"):
        check_name(relative + "folder.txt")
        return False
    if _is_packed_entry(archive, info, relative):
        return False
    check_name(relative)
    _check_size(info, relative)
    return True


def _is_packed_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo, relative: str) -> bool:
    readable = info.compress_type in _METHODS and info.file_size <= MAX_ZIP_RATIO * info.compress_size
    return readable and is_packed(relative, partial(archive.open, info))


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
