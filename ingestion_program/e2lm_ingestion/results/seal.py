"""Seals a results folder: seal.json proves to a holder of the key that ingestion wrote these results.

The seal is an HMAC-SHA256 (RFC 2104) over the digests of results.json and progress.jsonl; results.json holds the digest
of every array file, so one code covers all files. The scoring program verifies it (e2lm_scoring/inputs/seal.py); the
programs share no code, and docs/results-format.md specifies the seal for both.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from pathlib import Path

from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.file_names import JOURNAL, RESULTS, SEAL
from e2lm_ingestion.results.folder import write_atomically

SCHEMA = "e2lm-seal/1"
SEALED = (RESULTS, JOURNAL)
KEY_FILE = "e2lm.key"
MIN_KEY_LENGTH = 32  # characters; `openssl rand -hex 32` gives 64


def read_key(folders: Sequence[Path]) -> bytes:
    """The key of the first folder with an e2lm.key. Raises OrganizerError when there is none or it is unusable."""
    for path in (folder / KEY_FILE for folder in folders):
        try:
            key = path.read_bytes().strip()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise OrganizerError(
                f"{path}: unreadable ({error.strerror}); make user 0 its owner: on a worker root cannot override modes"
            ) from None
        if len(key) < MIN_KEY_LENGTH:
            raise OrganizerError(
                f"{path}: the key has {len(key)} characters and needs at least {MIN_KEY_LENGTH}; make one with "
                "`openssl rand -hex 32`"
            )
        return key
    raise OrganizerError(
        f"no {KEY_FILE} in {' or '.join(map(str, folders))}, so scoring could not tell these results from forged ones; "
        "`e2lm bundle` writes one, or put your own into the folder of the checkpoints"
    )


def seal(results: Path, key: bytes) -> None:
    """Write seal.json into a finished results folder."""
    digests = [hashlib.sha256((results / name).read_bytes()).hexdigest() for name in SEALED]
    message = "".join(f"{line}\n" for line in (SCHEMA, *digests)).encode()
    content = {
        "schema": SCHEMA,
        "key": hmac.digest(key, b"e2lm key\n", "sha256").hex()[:8],  # identifies the key without revealing it
        "hmac": hmac.digest(key, message, "sha256").hex(),
    }
    write_atomically(results / SEAL, (json.dumps(content, indent=1) + "\n").encode())
