"""The versions of a task that were run into one folder, and what each scored: history.jsonl, one line a version.

It lies in the run's folder, which does not belong to the submission, and outlives `e2lm run --overwrite`.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.results.folder import write_atomically
from e2lm_ingestion.submission.submission import Submission
from e2lm_scoring.columns import TOTAL_AND_COMPONENTS, ranked_by
from e2lm_scoring.score_report import ScoreReport

HISTORY = "history.jsonl"


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a task: the files of its submission, and its scores on one suite."""

    time: str  # of its first run, ISO 8601, UTC
    submission: str  # its digest
    suite: str
    metric: str
    items: int
    scores: dict[str, float]  # score, sq, rc, cs: those that the suite has
    low: float | None  # 95 % interval of what is ranked
    high: float | None
    eligible: bool
    task_yaml: str
    files: dict[str, str]  # name -> sha256

    @property
    def ranked(self) -> float:
        """The score, or SQ in a suite without a total."""
        return self.scores[ranked_by(self.scores)]


def remember(folder: Path, submission: Submission, score_report: ScoreReport) -> None:
    """Add a version to the history of a run's folder; the last one is replaced where nothing has changed."""
    versions = read_history(folder) if (folder / HISTORY).is_file() else []
    interval = score_report.intervals.get(ranked_by(score_report.scores))
    now = Version(
        time=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        submission=submission.sha256,
        suite=score_report.suite,
        metric=score_report.metric,
        items=score_report.items,
        scores={key: score_report.scores[key] for key in TOTAL_AND_COMPONENTS if key in score_report.scores},
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        eligible=score_report.eligible,
        task_yaml=submission.files["task.yaml"].read_text(encoding="utf-8"),
        files={name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in submission.files.items()},
    )
    if versions and (versions[-1].submission, versions[-1].suite) == (now.submission, now.suite):
        versions.pop()
    lines = "".join(json.dumps(asdict(version)) + "\n" for version in [*versions, now])
    write_atomically(folder / HISTORY, lines.encode())


def read_history(folder: Path) -> list[Version]:
    """The versions of a folder, the first one first. Raises OrganizerError where there is none, or a damaged one."""
    path = folder / HISTORY
    try:
        return [Version(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    except FileNotFoundError:
        raise OrganizerError(f"{path}: there is no history here; give the folder that e2lm run wrote") from None
    except (OSError, ValueError, TypeError):
        raise OrganizerError(f"{path}: damaged; delete it to begin a new history") from None


def changes(before: Version, after: Version) -> Sequence[str]:
    """What differs between two versions: lines of task.yaml with - and +, then a line for each other file."""
    compared = difflib.ndiff(before.task_yaml.splitlines(), after.task_yaml.splitlines())
    lines = [line for line in compared if line.startswith(("- ", "+ ")) and line[2:].strip()]
    for name in sorted((before.files.keys() | after.files.keys()) - {"task.yaml"}):
        if before.files.get(name) != after.files.get(name):
            what = "new" if name not in before.files else "removed" if name not in after.files else "changed"
            lines.append(f"{name}: {what}")
    if before.suite != after.suite:
        lines.append(f"suite: {after.suite}")
    return lines
