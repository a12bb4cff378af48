"""Zips that no ordinary tool writes."""

from __future__ import annotations

import stat
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from e2lm_ingestion.submission.file_rules import PACK_MARK
from tests.ingestion.hostile.corpus import TOLERATED, Case, right_files, write_zip

OUT = "leads out of the submission"
CENTRAL, LOCAL, END = b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06"


def entry(name: str, content: bytes = b"x") -> Callable[[Path], Path]:
    return lambda folder: write_zip(folder, {**right_files(), name: content})


def absolute(folder: Path) -> Path:
    return write_zip(folder, {**right_files(), f"{folder}/escaped.txt": b"x"})


def with_info(change: Callable[[zipfile.ZipInfo], None], *, name: str = "extra.txt") -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = write_zip(folder, right_files())
        info = zipfile.ZipInfo(name)
        change(info)
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(info, b"/etc/passwd")
        return path

    return write


def mode(kind: int, permissions: int = 0o644) -> Callable[[zipfile.ZipInfo], None]:
    def change(info: zipfile.ZipInfo) -> None:
        info.create_system, info.external_attr = 3, (kind | permissions) << 16

    return change


def method(number: int) -> Callable[[zipfile.ZipInfo], None]:
    def change(info: zipfile.ZipInfo) -> None:
        info.compress_type = number

    return change


def patched(signature: bytes, offset: int, value: bytes) -> Callable[[Path], Path]:
    """Overwrite bytes of the first header of a kind."""

    def write(folder: Path) -> Path:
        path = write_zip(folder, right_files())
        content = bytearray(path.read_bytes())
        location = content.find(signature) + offset
        content[location : location + len(value)] = value
        path.write_bytes(content)
        return path

    return write


def encrypted(folder: Path) -> Path:
    path = write_zip(folder, right_files())
    content = bytearray(path.read_bytes())
    for signature, offset in ((LOCAL, 6), (CENTRAL, 8)):
        content[content.find(signature) + offset] |= 1
    path.write_bytes(content)
    return path


def through_a_link(folder: Path) -> Path:
    path = write_zip(folder, right_files())
    link = zipfile.ZipInfo("data")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, str(folder))
        archive.writestr("data/escaped.txt", b"x")
    return path


def duplicated(folder: Path) -> Path:
    path = write_zip(folder, right_files())
    with warnings.catch_warnings(), zipfile.ZipFile(path, "a") as archive:
        warnings.simplefilter("ignore")
        archive.writestr("test.jsonl", b"{}")
    return path


def overlapping(folder: Path) -> Path:
    """Twenty entries that share bytes: each is stored uncompressed and includes the headers of the entries after it."""
    files = right_files()
    path = write_zip(folder, files)
    inner = b"0" * 100_000
    body, headers = bytearray(inner), []
    for i in reversed(range(20)):
        name = f"{i:02}.txt".encode()
        fields = (20, 0, 0, 0, 33, zlib.crc32(bytes(body)), len(body), len(body), len(name), 0)
        headers.append((name, fields, len(body)))
        body[:0] = struct.pack("<4s5HIII2H", LOCAL, *fields) + name
    content = path.read_bytes()
    directory = content.find(CENTRAL)
    end = content.find(END)
    central = b""
    for name, fields, size in headers:
        offset = directory + len(body) - size - 30 - len(name)
        central += struct.pack("<4s6H3I5H2I", CENTRAL, 20, *fields, 0, 0, 0, 0, offset) + name
    count = len(files) + 20
    size = end - directory + len(central)
    tail = struct.pack("<4s4H2IH", END, 0, 0, count, count, size, directory + len(body), 0)
    path.write_bytes(content[:directory] + body + content[directory:end] + central + tail)
    return path


def unicode_path(name: str, *, of: bytes = b"extra.txt", cut: int | None = None) -> Callable[[Path], Path]:
    """An entry extra.txt with Info-ZIP's Unicode path field, which gives it another name."""
    field = struct.pack("<BL", 1, zlib.crc32(of)) + name.encode()
    field = field[:cut]

    def change(info: zipfile.ZipInfo) -> None:
        info.extra = struct.pack("<HH", 0x7075, len(field)) + field

    return with_info(change)


def many(count: int, prefix: str = "") -> Callable[[Path], Path]:
    return lambda folder: write_zip(folder, {**right_files(), **{f"{prefix}{i}.txt": b"" for i in range(count)}})


def raw(content: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / "submission.zip").write_bytes(content)
        return folder / "submission.zip"

    return write


def reshaped(change: Callable[[bytes], bytes]) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = write_zip(folder, right_files())
        path.write_bytes(change(path.read_bytes()))
        return path

    return write


def commented(folder: Path) -> Path:
    """A comment that holds the end of another, empty zip."""
    path = write_zip(folder, right_files())
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = struct.pack("<4s4H2IH", END, 0, 0, 0, 0, 0, 0, 0) + b"padding"
    return path


CASES = [
    Case("zip absolute path", absolute, OUT),
    Case("zip parent path", entry("../escaped.txt"), OUT),
    Case("zip parent path within", entry("a/../../escaped.txt"), OUT),
    Case("zip parent folder", entry("../folder/"), OUT),
    Case("zip backslashes", entry("..\\escaped.txt"), OUT),
    Case("zip backslashes within", entry("a\\..\\..\\escaped.txt"), OUT),
    Case("zip network path with backslashes", entry("\\\\server\\escaped.txt"), OUT),
    Case("zip parent path in a folder left out", entry(".git/../../escaped.txt"), TOLERATED),
    Case("zip parent path in the Unicode field", unicode_path("../escaped.txt"), OUT),
    Case("zip reserved name in the Unicode field", unicode_path("scores.json"), "named like a file"),
    Case("zip Unicode field of another name", unicode_path("../escaped.txt", of=b"other.txt"), TOLERATED),
    Case("zip Unicode field cut short", unicode_path("x", cut=3), TOLERATED),
    Case("zip dots everywhere", lambda f: write_zip(f, {f"./{k}": v for k, v in right_files().items()}), TOLERATED),
    Case("zip dots that leave", lambda f: write_zip(f, {f"./{k}": b"" for k in ("../x.txt", "task.yaml")}), OUT),
    Case("zip drive letter", entry("C:/escaped.txt"), OUT),
    Case("zip network path", entry("//server/escaped.txt"), OUT),
    Case("zip alternate stream", entry("a.txt:stream.txt"), OUT),
    Case("zip dot folder", entry("./x.txt"), "not a plain file name"),
    Case("zip double slash", entry("a//x.txt"), "not a plain file name"),
    Case("zip NUL in a name", patched(CENTRAL, 46, b"task\0yaml"), r"not a plain file name|damaged"),
    Case("zip deep folders", entry("d/" * 9 + "x.txt"), "in more than 8 folders"),
    Case("zip symbolic link", with_info(mode(stat.S_IFLNK)), "extra.txt: a link or device"),
    Case("zip file through a link", through_a_link, "data: a link or device|a file and a folder"),
    Case("zip character device", with_info(mode(stat.S_IFCHR)), "extra.txt: a link or device"),
    Case("zip block device", with_info(mode(stat.S_IFBLK)), "extra.txt: a link or device"),
    Case("zip pipe", with_info(mode(stat.S_IFIFO)), "extra.txt: a link or device"),
    Case("zip socket", with_info(mode(stat.S_IFSOCK)), "extra.txt: a link or device"),
    Case("zip set-user-id file", with_info(mode(stat.S_IFREG, 0o6777)), TOLERATED),
    Case("zip in a zip", entry("inner.zip"), "data, not programs or archives"),
    Case("zip in a zip that repeats", entry("inner.zip", b"0" * 900_000 + PACK_MARK), "data, not programs or archives"),
    Case("zip tar within", entry("inner.tar.gz"), "data, not programs or archives"),
    Case(
        "zip within, named as data",
        entry("inner.jsonl", b"PK\x03\x04\x14\0"),
        "inner.jsonl, line 1: a spreadsheet or a zip",
    ),
    Case("zip names apart in case", entry("TEST.jsonl"), "has the same name"),
    Case("zip names apart in accents", lambda f: write_zip(f, {"\u00e9.md": "", "e\u0301.md": ""}), "the same name"),
    Case("zip names apart in sharp s", lambda f: write_zip(f, {"\u00df.md": "", "ss.md": ""}), "the same name"),
    Case("zip file and folder", entry("task.yaml/x.txt"), "is a file and a folder"),
    Case("zip duplicate names", duplicated, "test.jsonl: test.jsonl has the same name"),
    Case("zip encrypted", encrypted, "encrypted; zip it without a password"),
    Case("zip encrypted strongly", patched(CENTRAL, 8, b"\x40\0"), "encrypted"),
    Case("zip method LZMA", with_info(method(zipfile.ZIP_LZMA)), "packed with an unusual method"),
    Case("zip method BZIP2", with_info(method(zipfile.ZIP_BZIP2)), "packed with an unusual method"),
    Case("zip method AES", patched(CENTRAL, 10, struct.pack("<H", 99)), "packed with an unusual method"),
    Case("zip bomb", entry("zeros.txt", b"0" * 30_000_000), "unpacks to more than 200 times its size"),
    Case(
        "zip bomb in many small entries",
        lambda f: write_zip(f, {**right_files(), **{f"{i}.txt": b"0" * 999_999 for i in range(150)}}),
        TOLERATED,  # 150 MB of text, below every limit: reading it takes bounded time and memory
    ),
    Case("zip bomb of overlapping entries", overlapping, "overlap"),
    Case(
        "zip size declared too large",
        patched(CENTRAL, 20, struct.pack("<II", 4 << 20, 600 << 20)),
        "at most 200 files|overlap",
    ),
    Case("zip size declared too small", patched(CENTRAL, 24, struct.pack("<I", 5)), "damaged"),
    Case("zip packed size past the end", patched(CENTRAL, 20, struct.pack("<I", 1 << 30)), "damaged|overlap"),
    Case("zip offset past the end", patched(CENTRAL, 42, struct.pack("<I", 1 << 30)), "damaged|overlap"),
    Case("zip wrong checksum", patched(CENTRAL, 16, b"\1\2\3\4"), "damaged: Bad CRC-32"),
    Case("zip two names for an entry", patched(LOCAL, 30, b"tesk.yaml"), "damaged: File name in directory"),
    Case("zip 202 files", many(199), "202 files, "),
    Case("zip 2,100 files", many(2100), "too many files"),
    Case("zip 2,100 hidden files", many(2100, "__MACOSX/"), "too many files"),
    Case("zip empty", lambda f: write_zip(f, {}), "the zip is empty"),
    Case("zip of leftovers", lambda f: write_zip(f, {"__MACOSX/x": b"", "d/": b"", ".DS_Store": b""}), "is empty"),
    Case("zip no bytes", raw(b""), "not a zip"),
    Case("zip is a tar", raw(b"\x1f\x8b\x08tar.gz"), "not a zip"),
    Case("zip behind a script", reshaped(lambda c: b"#!/bin/sh\n" + c), "not a zip"),
    Case("zip cut short", reshaped(lambda c: c[: len(c) // 2]), "damaged: File is not a zip file"),
    Case("zip without its end", reshaped(lambda c: c[:-22]), "damaged: File is not a zip file"),
    Case("zip within a comment", commented, "empty|damaged"),
    Case("zip signature alone", raw(LOCAL + b"\0" * 4), "damaged"),
    Case("zip of signatures", raw(LOCAL + CENTRAL * 3000), "too many files"),
    Case(
        "zip from macOS in a folder",
        lambda f: write_zip(
            f,
            {
                "__MACOSX/my/._task.yaml": b"\0",
                "my/.DS_Store": b"\0",
                **{f"my/{n}": c for n, c in right_files().items()},
            },
        ),
        TOLERATED,
    ),
    Case(
        "zip in two folders", lambda f: write_zip(f, {f"a/b/{n}": c for n, c in right_files().items()}), "a folder of a"
    ),
    Case("zip with two tasks", entry("more/task.yaml"), "several task.yaml"),
    Case("zip program", entry("run.py"), "data, not programs or archives"),
    Case("zip metadata", entry("deep/Metadata.YML"), "Codabench would run it as a program"),
]
