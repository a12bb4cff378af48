"""Verifies that ingestion wrote the results, and of this submission; on Codabench nothing else is scored.

Workers copy the submission's files into the results folder: before ingestion or, since May 2026, before scoring,
possibly over existing files. So neither the location of a file nor the worker's own `metadata` proves who wrote it. The
seal does (ingestion's half is e2lm_ingestion/results/seal.py; docs/results-format.md describes the format). Where the
worker mounts the submission, its digest ties sealed results to it, so that results of another submission cannot be
replayed.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from e2lm_scoring.errors import OrganizerError, SubmissionError
from e2lm_scoring.file_names import JOURNAL, RESULTS, SEAL

SCHEMA = "e2lm-seal/1"
SEALED = (RESULTS, JOURNAL)
KEY_FILE = "e2lm.key"
MIN_KEY_LENGTH = 32  # characters
PACKED = "submission.zip"  # what e2lm pack writes into the folder that it packs
PACK_MARK = b"packed by e2lm, not part of a submission"  # at the end of every zip that e2lm pack writes
RUN_MARK = ".e2lm"  # in a folder that e2lm has written a run into
# What systems, editors and version control leave beside data.
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
NOT_OURS = "ingestion did not write these results, so they are not scored"


def read_key(folders: Sequence[Path]) -> bytes:
    """The key of the first folder that has an e2lm.key. Raises OrganizerError when none does, or it cannot be used."""
    for path in (folder / KEY_FILE for folder in folders):
        try:
            key = path.read_bytes().strip()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise OrganizerError(
                f"{path}: unreadable ({error.strerror}); make user 0 its owner: "
                "programs in the container may not override file permissions"
            ) from None
        if len(key) < MIN_KEY_LENGTH:
            raise OrganizerError(
                f"{path}: a key of {len(key)} characters, at least {MIN_KEY_LENGTH} are needed: "
                "make one with openssl rand -hex 32"
            )
        return key
    raise OrganizerError(
        f"no {KEY_FILE} in {' or '.join(map(str, folders))}, so results cannot be told from forged ones; "
        "e2lm bundle writes one, or put your own beside the checkpoints"
    )


def require_seal(results: Path, key: bytes) -> None:
    """Raise SubmissionError unless the results carry the seal of this key; OrganizerError for that of another key.

    Array files are not read here: the verified results.json holds the digest of each.
    """
    seal = _read_seal(results / SEAL)
    digests = [hashlib.sha256(_read(results / name)).hexdigest() for name in SEALED]
    message = "".join(f"{line}\n" for line in (SCHEMA, *digests)).encode()
    if hmac.compare_digest(hmac.digest(key, message, "sha256"), seal["hmac"]):
        return
    if not hmac.compare_digest(hmac.digest(key, b"e2lm key\n", "sha256").hex()[:8].encode(), seal["key"]):
        raise OrganizerError(
            f"{results / SEAL}: sealed with another key than this worker's; every worker of the queue needs the "
            f"same {KEY_FILE}, and input_data and reference_data those of one bundle"
        )
    raise SubmissionError(f"{results / SEAL}: the seal does not match {' and '.join(SEALED)}: {NOT_OURS}")


def require_results_of(submission: Path, results: Path) -> None:
    """Raise SubmissionError unless the results are of the submission in this folder, if the worker mounts one.

    `results` must have passed `require_seal`.
    """
    if not submission.is_dir():
        return
    for name in ("metadata", "metadata.yaml"):
        if (submission / name).exists():
            raise SubmissionError(f"{name}: a submission holds no program; remove it")
    claimed = json.loads((results / RESULTS).read_bytes())["submission"]["sha256"]
    if digest_of_submission(submission) != claimed:
        raise SubmissionError(f"{results / RESULTS}: results of another submission than this one; {NOT_OURS}")


def digest_of_submission(folder: Path) -> str:
    """SHA-256 as ingestion computes it: sorted names without an enclosing folder, lengths and bytes."""
    files = [
        (name, path)
        for path in folder.rglob("*")
        for name in [_plain_name(path.relative_to(folder).as_posix())]
        if (path.is_symlink() or not path.is_dir())
        and not (_is_left_out(name) or _is_output(folder, path) or _is_packed(path, name))
    ]
    prefix = next((name.removesuffix("task.yaml") for name, _ in files if name.split("/")[-1] == "task.yaml"), "")
    digest = hashlib.sha256()
    for name, path in sorted((name.removeprefix(prefix), path) for name, path in files):
        content = _read(path)
        for part in (name.encode(), str(len(content)).encode()):
            digest.update(part + b"\0")
        digest.update(content)
    return digest.hexdigest()


def _plain_name(relative: str) -> str:
    """The name as its author sees it, whatever the tool that zipped it."""
    with contextlib.suppress(UnicodeError):
        relative = relative.encode("cp437").decode("utf-8")
    return unicodedata.normalize("NFC", relative.replace("\\", "/"))


def _is_left_out(relative: str) -> bool:
    """Whether ingestion leaves a file out: what systems, editors, version control and e2lm pack leave beside data."""
    *folders, name = relative.split("/")
    lower = name.lower()
    return (
        not LEFT_FOLDERS.isdisjoint(folders)
        or lower in LEFT_FILES
        or lower.startswith("._")
        or lower.endswith(LEFT_ENDINGS)
    )


def _is_packed(path: Path, name: str) -> bool:
    """Whether a file is a zip that e2lm pack wrote."""
    return name.casefold().endswith(".zip") and not path.is_symlink() and _read(path).endswith(PACK_MARK)


def _is_output(folder: Path, path: Path) -> bool:
    """Whether a file is in the folder of a run of e2lm."""
    return any((parent / RUN_MARK).is_file() for parent in path.parents if folder in parent.parents)


def _read_seal(path: Path) -> dict[str, bytes]:
    try:
        seal = json.loads(_read(path))
        if seal["schema"] != SCHEMA:
            raise SubmissionError(f"{path}: schema {str(seal['schema'])[:40]!r} is not {SCHEMA!r}; {NOT_OURS}")
        return {"hmac": bytes.fromhex(seal["hmac"]), "key": seal["key"].encode()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise SubmissionError(f"{path}: not a seal; {NOT_OURS}") from None


def _read(path: Path) -> bytes:
    """The bytes of a plain file; ingestion leaves no links."""
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise SubmissionError(f"{path}: a link or a folder; {NOT_OURS}")
    try:
        return path.read_bytes()
    except OSError as error:
        raise SubmissionError(f"{path}: {(error.strerror or 'unreadable').lower()}; {NOT_OURS}") from None
