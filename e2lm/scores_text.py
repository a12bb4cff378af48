"""The scores of a run in a line, as commands print them."""

from __future__ import annotations

from pathlib import Path

from e2lm_scoring.evaluation import Evaluation

SHOWN = ("score", "sq", "rc", "cs", "improvement_z")


def print_scores(evaluation: Evaluation, out: Path) -> None:
    """The scores in a line, and where the files are."""
    print(f"{evaluation.task}: " + ", ".join(_shown(evaluation, key) for key in SHOWN if key in evaluation.scores))
    for reason in evaluation.reasons:
        print(f"not eligible: {reason}")
    print(f"scores: {out / 'scores.json'}\nreport: {out / 'detailed_results.html'}")


def _shown(evaluation: Evaluation, key: str) -> str:
    interval = evaluation.intervals.get(key)
    text = f"{key} {evaluation.scores[key]:.4f}"
    return text if interval is None else f"{text} [{interval.low:.3f}, {interval.high:.3f}]"
