"""The scores of a run in a line, as commands print them."""

from __future__ import annotations

from pathlib import Path

from rich.cells import cell_len
from rich.console import Console

from e2lm.terminal_table import folded, side_by_side
from e2lm_scoring.evaluation import Evaluation

SHOWN = ("score", "sq", "rc", "cs", "improvement_z")


def print_scores(evaluation: Evaluation, out: Path) -> None:
    """The scores, in a line where there is room, and where the files are."""
    console = Console()
    # a log file has lines of any length, and programs read it by the line
    print(scores_text(evaluation, console.width if console.is_terminal else None))
    for reason in evaluation.reasons:
        print(f"not eligible: {reason}")
    print(f"scores: {out / 'scores.json'}\nreport: {out / 'detailed_results.html'}")


def scores_text(evaluation: Evaluation, width: int | None) -> str:
    """The task and its scores in one line or, where they are wider than the terminal, no score over the end of one."""
    scores = [_shown(evaluation, key) for key in SHOWN if key in evaluation.scores]
    line = f"{evaluation.task}: " + ", ".join(scores)
    if width is None or cell_len(line) <= width:
        return line
    fields = [score + "," * (score is not scores[-1]) for score in scores]
    below = ["  " + one for one in side_by_side(fields, width - 2, " ")]
    return "\n".join([*folded(f"{evaluation.task}:", width), *below])


def _shown(evaluation: Evaluation, key: str) -> str:
    interval = evaluation.intervals.get(key)
    text = f"{key} {evaluation.scores[key]:.4f}"
    return text if interval is None else f"{text} [{interval.low:.3f}, {interval.high:.3f}]"
