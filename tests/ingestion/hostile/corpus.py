"""Cases of the hostile corpus, and the valid submission that they are variations of."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.ingestion.submissions import documents, json_lines, plain_task

Files = dict[str, bytes]
TOLERATED = None


@dataclass(frozen=True, slots=True)
class Case:
    """A hostile or unusual submission and the expected outcome."""

    name: str
    write: Callable[[Path], Path]  # writes into an empty folder and returns the path of the submission
    message: str | None  # pattern of the error message; None: the submission is tolerated


def right_files(
    task: Mapping[str, Any] | None = None, *, yaml_text: str | None = None, test: str | bytes | None = None
) -> Files:
    """A valid submission of 100 items with the given changes."""
    text = yaml_text if yaml_text is not None else yaml.safe_dump({**plain_task(), **(task or {})})
    data = json_lines(documents()) if test is None else test
    return {
        "task.yaml": text.encode(),
        "dev.jsonl": json_lines(documents(6)).encode(),
        "test.jsonl": data.encode() if isinstance(data, str) else data,
    }


def write_folder(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write the files into `folder`/submission."""
    root = folder / "submission"
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def write_zip(folder: Path, files: Mapping[str, bytes | str]) -> Path:
    """Write the files into `folder`/submission.zip."""
    path = folder / "submission.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def folder_case(name: str, message: str | None, **changes: Any) -> Case:  # noqa: ANN401 (as right_files)
    """A folder that differs from a valid one in its task or test data."""
    return Case(name, lambda folder: write_folder(folder, right_files(**changes)), message)
