"""Scores finished runs over one suite again, to compare them draw by draw."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from e2lm.runs.run_folder import RunFolder
from e2lm_scoring.inputs.configuration import Configuration
from e2lm_scoring.inputs.results import read_results
from e2lm_scoring.score_report import ScoreReport
from e2lm_scoring.scores import evaluate_results
from e2lm_scoring.uncertainty import Bootstrap, probability_greater


@dataclass(frozen=True, slots=True)
class Run:
    """One scored run."""

    name: str
    score_report: ScoreReport
    drawn: Bootstrap
    submission: str  # its digest: runs of the same items are compared draw by draw


def probability(one: Run, other: Run, key: str) -> float:
    """P(one > other) in a score, over new items from the same sources."""
    return probability_greater(
        one.score_report.scores[key],
        one.drawn.scores[key],
        other.score_report.scores[key],
        other.drawn.scores[key],
        clusters=(one.score_report.clusters, other.score_report.clusters),
        paired=one.submission == other.submission,
    )


def load_run(folder: Path, configuration: Configuration) -> Run:
    """Score a run again, with draws. Raises the errors of scoring."""
    results = read_results(RunFolder(folder).found_results, configuration)
    score_report, drawn = evaluate_results(results, configuration)
    return Run(score_report.task, score_report, drawn, results.file.submission.sha256)


def told_apart(runs: list[Run], folders: list[Path]) -> list[Run]:
    """The runs named after their tasks, and after their folders too where tasks share a name."""
    count = Counter(run.name for run in runs)
    return [
        run if count[run.name] == 1 else Run(f"{run.name} ({folder})", run.score_report, run.drawn, run.submission)
        for run, folder in zip(runs, folders, strict=True)
    ]
