"""Prefetches the next checkpoint from the Hub and evicts used ones under a disk budget."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from e2lm.suites.hub import RemoteFile, fetch_file, fetch_small_files, forget_weights, refuse_absent, remote_files
from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.suite import Checkpoint, Suite, verify_checkpoint

GIGABYTE = 10**9


@dataclass(frozen=True, slots=True)
class HubFetcher:
    """Downloads the weights of a checkpoint if they are missing. Picklable, for worker processes."""

    files: Mapping[Checkpoint, tuple[RemoteFile, ...]]

    def __call__(self, checkpoint: Checkpoint) -> None:
        """Return when the checkpoint is complete on this machine. Raises OrganizerError."""
        for file in self.files[checkpoint]:
            if not file.is_here:
                fetch_file(file)
        verify_checkpoint(checkpoint)


class CheckpointCache:
    """The weights that one sweep downloads, within `budget` bytes. Weights that existed before are never deleted."""

    def __init__(self, suite: Suite, root: Path, budget: int, workers: int) -> None:
        """List the suite on the Hub, download all but weights. Raises OrganizerError if the budget is too small."""
        files = remote_files(suite, root)
        refuse_absent(files)
        self._missing = {
            checkpoint: sum(file.size for file in own if file.is_weights and not file.is_here)
            for checkpoint, own in files.items()
        }
        self._budget = budget
        self._reserve = 2 * workers * max(self._missing.values(), default=0)  # the one in use and the next
        self._kept = 0
        self.provide = HubFetcher(files)
        self._check(root)
        fetch_small_files([file for own in files.values() for file in own])

    def release(self, checkpoint: Checkpoint) -> None:
        """Call when the checkpoint is scored: its weights are kept while the next ones fit the budget, else deleted."""
        size = self._missing[checkpoint]
        if self._kept + size + self._reserve <= self._budget:
            self._kept += size
        elif size:
            forget_weights(self.provide.files[checkpoint])

    def _check(self, root: Path) -> None:
        wanted = sum(self._missing.values())
        if self._budget < min(self._reserve, wanted):
            raise OrganizerError(
                f"--disk-budget {self._budget / GIGABYTE:g}: a checkpoint in use and the next one on its way take "
                f"{self._reserve / GIGABYTE:.3g} GB; give at least that"
            )
        existing = next(folder for folder in (root, *root.absolute().parents) if folder.exists())
        free = shutil.disk_usage(existing).free
        if free < min(self._budget, wanted):
            raise OrganizerError(
                f"{root}: {free / GIGABYTE:.3g} GB free, {min(self._budget, wanted) / GIGABYTE:.3g} GB asked for; "
                "give a smaller --disk-budget, or set E2LM_CHECKPOINTS to a folder on a larger disk"
            )
