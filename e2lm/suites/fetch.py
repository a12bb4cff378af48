"""Makes a suite's checkpoints available on this machine: downloads them from the Hub, or trains them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from e2lm.suites.registry import find_suite
from e2lm.terminal.progress import can_redraw, progress_bar
from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.suite import Suite, checkpoints_root, load_suite, verify_checkpoint

SOON_HERE = 50_000_000  # bytes that need no progress bar


def fetch(name: str) -> Path:
    """Make sure that a suite's checkpoints are on this machine and return the folder that holds them."""
    root = checkpoints_root()
    if name != "miniature":
        _fetch_from_hub(load_suite(find_suite(name).suite), root)
        return root
    from e2lm.suites.miniature import build  # it imports torch, for which listing and showing should not wait

    with progress_bar("training the miniature suite") as update:
        build.ensure(root, update)
    return root


def _fetch_from_hub(suite: Suite, root: Path) -> None:
    """Download missing files, and files whose digest is not the Hub's. Raises OrganizerError."""
    from e2lm.suites import hub  # the import takes seconds

    files = hub.remote_files(suite, root)
    missing = sum(file.size for own in files.values() for file in own if not file.is_here)
    root.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(root).free
    if missing > free:
        raise OrganizerError(
            f"{root}: {missing / 1e9:,.3g} GB are missing and {free / 1e9:,.3g} GB free; set E2LM_CHECKPOINTS to a "
            "folder on a larger disk, or let `e2lm run --disk-budget` fetch one checkpoint at a time"
        )
    hub.fetch_small_files([file for own in files.values() for file in own])
    for number, (checkpoint, own) in enumerate(files.items(), start=1):
        lacking = [file for file in own if not (file.is_here and hub.has_digest(file.path, file))]
        with _megabytes(str(checkpoint), sum(file.size for file in lacking)) as arrived:
            for file in lacking:
                file.path.unlink(missing_ok=True)
                hub.fetch_file(file, arrived)
        if own:
            verify_checkpoint(checkpoint)
            print(f"[{number}/{len(files)}] {checkpoint}: {sum(file.size for file in own) / 1e9:.3g} GB", flush=True)
    hub.refuse_absent(files)


@contextmanager
def _megabytes(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yield `arrived(bytes)`, drawn as a bar in a terminal; else the line of each finished checkpoint is enough."""
    if total < SOON_HERE or not can_redraw(Console(stderr=True)):
        yield lambda size: None
        return
    done = 0
    with progress_bar(f"{title}, MB") as update:

        def arrived(size: int) -> None:
            nonlocal done
            done += size
            update(done // 10**6, total // 10**6, "")

        yield arrived
