"""Prints the scores of a run."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from rich.console import Console

from e2lm.terminal.table import folded, side_by_side
from e2lm_scoring.columns import TOTAL_AND_COMPONENTS
from e2lm_scoring.own_machine import OwnMachine
from e2lm_scoring.report.advice import advise
from e2lm_scoring.score_report import ScoreReport

SHOWN = (*TOTAL_AND_COMPONENTS, "improvement_z")


def print_scores(score_report: ScoreReport, *, scores: Path, report: Path) -> None:
    """Print the scores, in one line if there is room, and the paths of scores.json and of the report."""
    console = Console()
    # lines of a log file may have any length, and programs read it line by line
    print(scores_text(score_report, console.width if console.is_terminal else None))
    for reason in score_report.reasons:
        print(f"not eligible: {reason}")
    for _, finding in score_report.found_by_scoring:
        print(f"no prize until the organizers have looked at it: {finding}")
    print(f"scores: {scores}\nreport: {report}")


def scores_as_json(score_report: ScoreReport, own_machine: OwnMachine, report: Path) -> dict[str, Any]:
    """Scores, intervals, advice and other metrics of a run as plain values."""
    return {
        "task": score_report.task,
        "suite": score_report.suite,
        "metric": score_report.metric,
        "items": score_report.items,
        "eligible": score_report.eligible,
        "reasons": list(score_report.reasons),
        "scores": score_report.scores,
        "intervals": {key: asdict(interval) for key, interval in score_report.intervals.items()},
        "advice": [asdict(one) for one in advise(score_report, own_machine)],
        "metrics": [asdict(row) for row in own_machine.metrics],
        "report": str(report),
    }


def scores_text(score_report: ScoreReport, width: int | None) -> str:
    """The task and its scores in one line, or in several if the terminal is narrower; no score is broken."""
    scores = [_shown(score_report, key) for key in SHOWN if key in score_report.scores]
    line = f"{score_report.task}: " + ", ".join(scores)
    if width is None or cell_len(line) <= width:
        return line
    fields = [score + "," * (score is not scores[-1]) for score in scores]
    below = ["  " + one for one in side_by_side(fields, width - 2, " ")]
    return "\n".join([*folded(f"{score_report.task}:", width), *below])


def _shown(score_report: ScoreReport, key: str) -> str:
    interval = score_report.intervals.get(key)
    text = f"{key} {score_report.scores[key]:.4f}"
    return text if interval is None else f"{text} [{interval.low:.3f}, {interval.high:.3f}]"
