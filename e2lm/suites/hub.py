"""Lists and downloads checkpoints on the Hugging Face Hub; downloads resume and are verified against its digests.

HF_ENDPOINT (a mirror), HF_TOKEN and HF_HUB_OFFLINE mean what they mean to huggingface_hub. Files are read through its
HfFileSystem: hf_hub_download (as of 2.4) deletes what it has of a file when it is interrupted or the network is gone
for some seconds, and leaves a .cache folder in each checkpoint; of a checkpoint of gigabytes no byte should come twice.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import httpx2
from huggingface_hub import HfApi, HfFileSystem, RepoFile
from huggingface_hub.errors import GatedRepoError, OfflineModeIsEnabled, RepositoryNotFoundError, RevisionNotFoundError

from e2lm.http import no_connection
from e2lm_ingestion.errors import OrganizerError, naming
from e2lm_ingestion.suite import Checkpoint, Model, Suite, checkpoints_of, verify_checkpoint

# What a checkpoint needs. Repositories also hold the same weights in other formats, optimizer states and pictures.
_NEEDED = re.compile(
    r"config\.json|generation_config\.json|tokenizer\.json|tokenizer_config\.json|special_tokens_map\.json"
    r"|added_tokens\.json|vocab\.json|merges\.txt|tokenizer\.model"
    r"|model\.safetensors|model-\d+-of-\d+\.safetensors|model\.safetensors\.index\.json"
)
_TRIES = 2  # of a file whose content turns out to be wrong
_CHUNK = 1 << 22
_BLOCK = 1 << 26  # bytes of a request: an interrupted download has lost less than that
_KEPT = "what arrived is kept: the same command goes on"

logging.getLogger("huggingface_hub").setLevel(
    logging.ERROR
)  # how often it tried, huggingface_hub tells in lines of its own


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a checkpoint on the Hub, and its path on this machine."""

    repository: str
    revision: str | None
    name: str  # within the repository
    size: int  # bytes
    digest: str  # 64 hexadecimal digits: SHA-256; 40: git's SHA-1 of a blob
    path: Path

    @property
    def is_weights(self) -> bool:
        """Whether it holds tensors; the other files are small."""
        return self.name.endswith(".safetensors")

    @property
    def is_here(self) -> bool:
        """Whether a file of this size exists at its path."""
        return self.path.is_file() and self.path.stat().st_size == self.size


def remote_files(suite: Suite, root: Path) -> dict[Checkpoint, tuple[RemoteFile, ...]]:
    """The files of every checkpoint of a suite, as the Hub lists them; none of a checkpoint that it does not have.

    Raises OrganizerError when it does not answer.
    """
    checkpoints = checkpoints_of(suite, root)
    found: dict[Checkpoint, tuple[RemoteFile, ...]] = {}
    for model in suite.models:
        listings: dict[str | None, list[RepoFile]] = {}
        for checkpoint in (one for one in checkpoints if one.model == model.id):
            revision = model.revision_of(checkpoint.iteration)
            if revision not in listings:
                listings[revision] = _listing(model.source, revision)
            found[checkpoint] = _files_of(model, checkpoint, revision, listings[revision])
    return found


def _files_of(
    model: Model, checkpoint: Checkpoint, revision: str | None, listing: Sequence[RepoFile]
) -> tuple[RemoteFile, ...]:
    """A revision for each iteration is a whole checkpoint; else the checkpoint is a folder of the repository."""
    folder = "." if model.has_revisions else model.folder_of(checkpoint.iteration)
    files = tuple(
        RemoteFile(
            model.source,
            revision,
            one.path,
            one.size,
            one.lfs.sha256 if one.lfs else one.blob_id,
            checkpoint.path / PurePosixPath(one.path).name,
        )
        for one in listing
        if PurePosixPath(one.path).parent == PurePosixPath(folder) and _NEEDED.fullmatch(PurePosixPath(one.path).name)
    )
    return files if any(file.is_weights for file in files) else ()


def refuse_absent(files: Mapping[Checkpoint, tuple[RemoteFile, ...]]) -> None:
    """Raise OrganizerError when a checkpoint is neither on the Hub nor on this machine."""
    absent = [checkpoint for checkpoint, own in files.items() if not own and not _is_whole(checkpoint)]
    if absent:
        raise OrganizerError(
            f"{len(absent)} of {len(files)} checkpoints are neither here nor on {HfApi().endpoint}; the first is "
            f"{absent[0]}; put it into {absent[0].path}, set HF_TOKEN if its repository is private, or correct source, "
            "checkpoint and revision of the suite"
        )


def _is_whole(checkpoint: Checkpoint) -> bool:
    try:
        verify_checkpoint(checkpoint)
    except OrganizerError:
        return False
    return True


def revision_names(repository: str) -> list[str]:
    """The branches and tags of a repository. Raises OrganizerError when the Hub does not answer."""
    with _hub_errors(repository):
        try:
            refs = HfApi().list_repo_refs(repository)
        except GatedRepoError:
            raise
        except RepositoryNotFoundError:
            refs = None
    if refs is None:
        raise OrganizerError(
            f"{repository}: {HfApi().endpoint} has no such repository; correct the name, or set HF_TOKEN if it is "
            "private"
        )
    return [ref.name for ref in (*refs.branches, *refs.tags)]


def _listing(repository: str, revision: str | None) -> list[RepoFile]:
    with _hub_errors(repository):
        try:
            tree = HfApi().list_repo_tree(repository, recursive=True, revision=revision)
            return [entry for entry in tree if isinstance(entry, RepoFile)]
        except GatedRepoError:
            raise
        except (RepositoryNotFoundError, RevisionNotFoundError):
            return []


def fetch_file(file: RemoteFile, arrived: Callable[[int], None] = lambda size: None) -> None:
    """Download a file to its path, where it appears only when it is complete and has the Hub's digest.

    What a broken connection or a killed run left goes on where it stopped. `arrived` is called with the bytes that are
    here already, and then with those of each request. Raises OrganizerError.
    """
    partial = file.path.with_name(file.path.name + ".partial")
    file.path.parent.mkdir(parents=True, exist_ok=True)
    for _ in range(_TRIES):
        with _hub_errors(file.repository), naming(partial), partial.open("ab") as stream:
            _append_rest(file, stream, arrived)
        if has_digest(partial, file):
            os.replace(partial, file.path)
            return
        partial.unlink()
    raise OrganizerError(
        f"{file.repository}, {file.name}: what arrived is not what the Hub says it is (another digest), "
        f"{_TRIES} times; try later, or without HF_ENDPOINT if that names a mirror"
    )


def _append_rest(file: RemoteFile, stream: BinaryIO, arrived: Callable[[int], None]) -> None:
    """Fetch what `stream` lacks. The size is given so that the file system does not ask for it."""
    if stream.tell() > file.size:
        stream.seek(0)
        stream.truncate()
    arrived(stream.tell())
    path = f"{file.repository}/{file.name}"
    options = {"revision": file.revision, "block_size": _BLOCK, "cache_type": "none", "size": file.size}
    with HfFileSystem().open(path, "rb", **options) as remote:
        remote.seek(stream.tell())
        while block := remote.read(_BLOCK):
            stream.write(block)
            arrived(len(block))


def has_digest(path: Path, file: RemoteFile) -> bool:
    """Whether the bytes at `path` are those of `file`."""
    if path.stat().st_size != file.size:
        return False
    git = len(file.digest) == 40
    digest = hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False) if git else hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest() == file.digest


def fetch_small_files(files: Sequence[RemoteFile]) -> None:
    """Download all files but weights; a file that many checkpoints share is downloaded once and linked."""
    here: dict[str, Path] = {}
    for file in (file for file in files if not file.is_weights):
        if not file.is_here and file.digest in here:
            file.path.parent.mkdir(parents=True, exist_ok=True)
            file.path.unlink(missing_ok=True)
            try:
                os.link(here[file.digest], file.path)
            except OSError:  # a file system without links
                shutil.copyfile(here[file.digest], file.path)
        elif not file.is_here:
            fetch_file(file)
        here.setdefault(file.digest, file.path)


def forget_weights(files: Sequence[RemoteFile]) -> None:
    """Delete the weights of a checkpoint; its config and tokenizer stay."""
    for file in files:
        if file.is_weights:
            with suppress(FileNotFoundError):
                file.path.unlink()


@contextmanager
def _hub_errors(repository: str) -> Iterator[None]:
    endpoint = HfApi().endpoint
    at = f"{repository} on {endpoint}"
    try:
        yield
    except OfflineModeIsEnabled:
        raise OrganizerError(f"{at}: HF_HUB_OFFLINE is set, so nothing is fetched; unset it") from None
    except GatedRepoError:
        raise OrganizerError(
            f"{at}: its owners let in whom they know; ask there, then set HF_TOKEN or run `hf auth login`"
        ) from None
    except httpx2.TransportError as error:
        raise OrganizerError(f"{no_connection(endpoint, error, 'HF_ENDPOINT')}; {_KEPT}") from None
    except Exception as error:  # whatever else huggingface_hub passes on
        if isinstance(error, OSError) and error.errno is not None:
            raise error  # of this machine's disk
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise OrganizerError(f"{at}: {reason[:200]}; {_KEPT}") from None
