"""Writes the output of scoring: scores.json, summary.json, the report and item tables, or a page of the failure."""

from __future__ import annotations

import os
from pathlib import Path

from e2lm_scoring.errors import OrganizerError, SubmissionError
from e2lm_scoring.file_names import COMPETITION, ITEMS, REPORT, SCORES, SUBSETS, SUMMARY
from e2lm_scoring.inputs.configuration import load_configuration
from e2lm_scoring.inputs.results import read_results
from e2lm_scoring.items import items_parquet, subsets_parquet
from e2lm_scoring.report import render, render_failure
from e2lm_scoring.report.reveal import redact, shows_everything
from e2lm_scoring.score_report import ScoreReport
from e2lm_scoring.scores import evaluate_results, scores_json
from e2lm_scoring.summary import summary_json


def score(results: Path, scoring_yaml: Path, output: Path, competition: str = "") -> ScoreReport:
    """Score a results folder into `output`; scores.json is written last and marks the output as complete.

    `competition` is its name, for the head of the report.

    Raises OrganizerError when the results cannot be scored; call `leave_failure` then to write the page of the failure.
    """
    configuration = load_configuration(scoring_yaml)
    read = read_results(results, configuration)
    score_report, drawn = evaluate_results(read, configuration)
    scores = scores_json(score_report)
    file = read.file
    summary = summary_json(score_report, drawn, suite_version=file.suite_version, submission=file.submission.sha256)
    output.mkdir(parents=True, exist_ok=True)
    _write(output / REPORT, render(score_report, competition).encode("utf-8"))
    shown = score_report if shows_everything(score_report) else redact(score_report)
    if shown.table is not None:
        _write(output / ITEMS, items_parquet(shown.table))
    if shown.subsets:
        _write(output / SUBSETS, subsets_parquet(shown.subsets))
    _write(output / SUMMARY, summary)
    _write(output / SCORES, scores)
    return score_report


def competition_name(reference: Path) -> str:
    """The competition's name as the bundle's reference data has it; "" without."""
    try:
        return " ".join((reference / COMPETITION).read_text(encoding="utf-8").split())
    except (OSError, UnicodeDecodeError):
        return ""


def forget(output: Path) -> None:
    """Remove the output of an earlier scoring, so that it cannot outlive a failure."""
    for name in (SCORES, SUMMARY, ITEMS, SUBSETS, REPORT):
        (output / name).unlink(missing_ok=True)


def leave_failure(error: SubmissionError | OrganizerError, output: Path, competition: str = "") -> None:
    """Write the page of a failed scoring, and remove the output of an earlier one."""
    forget(output)
    output.mkdir(parents=True, exist_ok=True)
    _write(output / REPORT, render_failure(error, competition).encode("utf-8"))


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(path.name + ".partial")
    try:
        temporary.write_bytes(content)
    except OSError as error:  # the error of a full disk does not name the file
        error.filename = error.filename or str(path)
        raise
    os.replace(temporary, path)
