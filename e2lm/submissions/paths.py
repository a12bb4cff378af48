"""Resolves the paths of submissions and runs that users give."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.submission.file_rules import RUN_MARK


def submission_paths(given: Iterable[Path]) -> list[Path]:
    """The given submissions, and those inside other given folders, without runs and hidden files.

    Raises OrganizerError if a path does not exist or holds no submission.
    """
    paths = []
    for path in given:
        if path.is_dir() and not (path / "task.yaml").exists():
            inner = [p for p in sorted(path.iterdir()) if p.suffix == ".zip" or _may_be_submission(p)]
            if not inner:
                raise OrganizerError(f"{path}: holds no submission: neither a zip nor a folder with a task.yaml")
            paths += inner
        elif path.exists():
            paths.append(path)
        else:
            raise OrganizerError(f"{path}: there is no such file or folder; give submissions, or a folder of them")
    return paths


def _may_be_submission(path: Path) -> bool:
    return path.is_dir() and not path.name.startswith(".") and not (path / RUN_MARK).is_file()
