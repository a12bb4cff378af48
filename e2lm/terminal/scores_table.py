"""The scores of a run in a line, as commands print them."""

from __future__ import annotations

from pathlib import Path

from rich.cells import cell_len
from rich.console import Console

from e2lm.runs.run_folder import RunFolder
from e2lm.terminal.table import folded, side_by_side
from e2lm_scoring.columns import TOTAL_AND_COMPONENTS
from e2lm_scoring.score_report import ScoreReport

SHOWN = (*TOTAL_AND_COMPONENTS, "improvement_z")


def print_scores(score_report: ScoreReport, out: Path) -> None:
    """The scores, in a line where there is room, and where the files are."""
    console = Console()
    # a log file has lines of any length, and programs read it by the line
    print(scores_text(score_report, console.width if console.is_terminal else None))
    for reason in score_report.reasons:
        print(f"not eligible: {reason}")
    folder = RunFolder(out)
    print(f"scores: {folder.scores}\nreport: {folder.report}")


def scores_text(score_report: ScoreReport, width: int | None) -> str:
    """The task and its scores in one line or, where they are wider than the terminal, no score over the end of one."""
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
