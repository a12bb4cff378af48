"""The control experiment of a submission: the same task with every question left empty.

What a model still gets right has been answered without the question (Gururangan et al. 2018, Annotation Artifacts in
Natural Language Inference Data; Balepur et al. 2024, Artifacts or Abduction).
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from e2lm_ingestion.submission.submission import open_submission
from e2lm_ingestion.task.sources import YAML
from e2lm_ingestion.task.strict_yaml import read_yaml

QUESTION = "doc_to_text"
SUFFIX = "-empty-question"


@contextmanager
def empty_question(path: Path) -> Iterator[Path]:
    """A folder with a copy of a submission whose `doc_to_text` is empty wherever it is set, of examples too.

    Its name ends in `-empty-question`. Description, choices, data and metric stay. Raises SubmissionError where the
    submission cannot be read.
    """
    with open_submission(path) as submission, tempfile.TemporaryDirectory(prefix="e2lm-") as temporary:
        for name, source in submission.files.items():
            target = Path(temporary) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if name.lower().endswith(YAML):
                keys = _emptied(read_yaml(source.read_text(encoding="utf-8"), name))
                if name == "task.yaml":
                    keys = _renamed(keys)
                target.write_text(yaml.safe_dump(keys, allow_unicode=True, sort_keys=False), encoding="utf-8")
            else:
                shutil.copyfile(source, target)
        yield Path(temporary)


def _emptied(value: Any) -> Any:  # noqa: ANN401 (what YAML holds)
    if isinstance(value, dict):
        return {key: "" if key == QUESTION and own is not None else _emptied(own) for key, own in value.items()}
    return [_emptied(own) for own in value] if isinstance(value, list) else value


def _renamed(keys: dict[str, Any]) -> dict[str, Any]:
    """A name of its own, so that nobody takes its report for that of the submission."""
    name = "group" if "group" in keys else "task"
    return {**keys, name: f"{keys[name]}{SUFFIX}"} if isinstance(keys.get(name), str) else keys
