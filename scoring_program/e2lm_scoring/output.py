"""Writes the output of scoring: scores.json, summary.json, the report and item tables, or a page of the failure."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

from e2lm_scoring.columns import columns_of
from e2lm_scoring.errors import OrganizerError, SubmissionError
from e2lm_scoring.file_names import COMPETITION, ITEMS, REPORT, SCORES, SUBSETS, SUMMARY
from e2lm_scoring.inputs.configuration import Configuration, load_configuration
from e2lm_scoring.inputs.results import Results, read_results
from e2lm_scoring.items import items_parquet, subsets_parquet
from e2lm_scoring.own_machine import OwnMachine
from e2lm_scoring.report import render, render_failure
from e2lm_scoring.report.reveal import redact, rounded, shows_everything
from e2lm_scoring.score_report import ScoreReport
from e2lm_scoring.scores import evaluate_results, scores_json
from e2lm_scoring.summary import stand_in, summary_json


def score(
    results: Path,
    scoring_yaml: Path,
    output: Path,
    own_machine: OwnMachine | None = None,
    *,
    full_digits: bool = True,
    competition: str = "",
) -> ScoreReport:
    """Read a results folder and score it into `output`, as `score_results` does."""
    configuration = load_configuration(scoring_yaml)
    read = read_results(results, configuration)
    return score_results(read, configuration, output, own_machine, full_digits=full_digits, competition=competition)


def score_results(
    read: Results,
    configuration: Configuration,
    output: Path,
    own_machine: OwnMachine | None = None,
    *,
    full_digits: bool = True,
    competition: str = "",
) -> ScoreReport:
    """Score results into `output`; scores.json is written last and marks the output as complete.

    The report and the tables of items show what the reveal mode of scoring.yaml allows. scores.json and summary.json
    have all digits, for comparing and ranking, unless `full_digits` is false and the reveal mode is "participant": on
    a platform, participants read these files too. `own_machine` is what the report shows beside, to the author of the
    task alone: never given on a platform. `competition` is the name in the head of the report. Returns the report with
    the digits that were written. Raises OrganizerError when the results cannot be scored; call `leave_failure` then to
    write the page of the failure.
    """
    score_report, drawn = evaluate_results(read, configuration)
    shown = score_report if shows_everything(score_report) else rounded(redact(score_report))
    written = score_report
    if not full_digits and not shows_everything(score_report):
        written = replace(score_report, scores=shown.scores, intervals=shown.intervals)
    scores = scores_json(written)
    file = read.file
    draws = drawn.scores if written is score_report else {key: stand_in(own) for key, own in drawn.scores.items()}
    summary = summary_json(written, draws, suite_version=file.suite_version, submission=file.submission.sha256)
    output.mkdir(parents=True, exist_ok=True)
    _write(output / REPORT, render(score_report, own_machine, competition).encode("utf-8"))
    if shown.table is not None:
        _write(output / ITEMS, items_parquet(shown.table))
    if shown.subsets:
        _write(output / SUBSETS, subsets_parquet(shown.subsets))
    _write(output / SUMMARY, summary)
    _write(output / SCORES, scores)
    return written


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


def leave_lowest(error: SubmissionError, scoring_yaml: Path, output: Path, competition: str = "") -> None:
    """Write 0 for every column and the page of the failure: a submission that counts and has no score."""
    leave_failure(error, output, competition)
    lowest = {column.key: 0.0 for column in columns_of(load_configuration(scoring_yaml))}
    _write(output / SCORES, (json.dumps(lowest, indent=1) + "\n").encode())


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
