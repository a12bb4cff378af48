"""Reads the data that a ranking needs from folders of scored runs."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from e2lm.leaderboard.fact_sheets import FactSheet
from e2lm.runs.run_folder import RunFolder
from e2lm.suites.registry import find_suite, suites
from e2lm.terminal.progress import progress_bar
from e2lm_scoring.columns import ranked_by
from e2lm_scoring.errors import OrganizerError
from e2lm_scoring.inputs.configuration import load_configuration
from e2lm_scoring.inputs.results import Results, read_results, read_results_file
from e2lm_scoring.report import is_of_own_machine, render
from e2lm_scoring.scores import evaluate_results
from e2lm_scoring.summary import Summary, read_summary, summary_json
from e2lm_scoring.uncertainty import probability_greater

MASTHEAD = '<header class="masthead">'  # of every report


@dataclass(frozen=True, slots=True)
class ScoredRun:
    """A scored run with its team and fact sheet."""

    identity: str  # distinct within a ranking, of a-z, 0-9 and -
    folder: Path
    summary: Summary
    fact_sheet: FactSheet
    draws: dict[str, np.ndarray]  # of score, sq, rc, cs: (draws,) float64 in increasing order
    wrong_key: str = ""  # that a judge finds too many marked answers wrong; "" where none has found it

    @property
    def key(self) -> str:
        """The column it is ranked by: the score, or SQ if the suite allows no score."""
        return ranked_by(self.draws)

    @property
    def team(self) -> str:
        """The team's name, or the best substitute for it; never empty."""
        return self.fact_sheet.team or self.fact_sheet.owner or self.folder.name

    @property
    def holder(self) -> str:
        """The recipient of a prize: the account, which is unique to the team, or else the team's name."""
        return self.fact_sheet.owner or self.team

    @property
    def not_ranked(self) -> tuple[str, ...]:
        """The reasons why it is not ranked, one sentence each; empty if it is."""
        reasons = self.summary.reasons
        if not self.summary.eligible and not reasons:
            reasons = ("Not eligible; no reason was recorded.",)
        return (*reasons, self.fact_sheet.not_ranked) if self.fact_sheet.not_ranked else reasons

    @property
    def clusters(self) -> int:
        """How many clusters of items, or items that share nothing, its score is resampled over."""
        return self.summary.clusters or self.summary.items

    @property
    def withheld(self) -> tuple[str, ...]:
        """Why it gets no prize yet: findings that block one and that no organizer has cleared, one sentence each."""
        found = {row.kind: row.message for row in self.summary.blocking}
        found |= ({"wrong_key": self.wrong_key} if self.wrong_key else {}) | self.fact_sheet.blocking
        return tuple(f"{kind}: {message}" for kind, message in found.items() if kind not in self.fact_sheet.cleared)

    @property
    def report(self) -> Path:
        """The report that scoring wrote."""
        return RunFolder(self.folder).report


def probability(one: ScoredRun, other: ScoredRun, key: str) -> float:
    """P(one > other) in a score, over new items from the same sources."""
    return probability_greater(
        one.summary.scores[key],
        one.draws[key],
        other.summary.scores[key],
        other.draws[key],
        clusters=(one.clusters, other.clusters),
    )


def load_runs(
    folders: Sequence[Path], fact_sheets: Mapping[str, FactSheet], wrong_keys: Mapping[str, str] | None = None
) -> list[ScoredRun]:
    """Every run in the folders: each a run itself, or a folder of runs. Raises OrganizerError naming the folder.

    `wrong_keys` has what a judge found of a submission's marked answers, by the submission's digest.
    """
    found = list(dict.fromkeys(run.resolve() for folder in folders for run in _runs_in(folder)))
    _say_which_have_no_run(sorted(set(fact_sheets) - {folder.name for folder in found}))
    taken: set[str] = set()
    runs = []
    with progress_bar("reading runs") as update:
        for number, folder in enumerate(found, start=1):
            summary = _summary_of(folder)
            draws = {key: np.asarray(values) for key, values in summary.draws.items()}
            fact_sheet = fact_sheets.get(folder.name, FactSheet())
            wrong_key = (wrong_keys or {}).get(summary.submission, "")
            runs.append(ScoredRun(_identity(folder.name, taken), folder, summary, fact_sheet, draws, wrong_key))
            update(number, len(found), folder.name)
    return runs


def by_suite(runs: Sequence[ScoredRun]) -> dict[str, list[ScoredRun]]:
    """The runs of each suite, suites in order of first appearance. Raises OrganizerError where versions differ."""
    suites: dict[str, list[ScoredRun]] = {}
    for run in runs:
        others = suites.setdefault(run.summary.suite, [])
        if others and (others[0].summary.suite_version, others[0].key) != (run.summary.suite_version, run.key):
            raise OrganizerError(
                f"{run.folder}: {run.summary.suite} version {run.summary.suite_version}, ranked by {run.key}, but "
                f"{others[0].folder} has version {others[0].summary.suite_version}, {others[0].key}; "
                "give runs that were scored alike"
            )
        others.append(run)
    return suites


def report_for(run: ScoredRun, reveal: str, competition: str = "") -> str:
    """The run's report for `reveal`, with a link back to its page of the board.

    It is as scoring wrote it, or rendered again to show less or more. A report of someone's own machine is always
    rendered again, because it shows items and what models answered.
    """
    back = f'<p class="eyebrow"><a href="../submissions/{run.identity}.html">Leaderboard</a></p>'
    return _report(run, reveal, competition).replace(MASTHEAD, f"{MASTHEAD}\n  {back}", 1)


def _report(run: ScoredRun, reveal: str, competition: str) -> str:
    if run.summary.reveal == reveal:
        try:
            written = run.report.read_text(encoding="utf-8")
        except OSError as error:
            raise OrganizerError(f"{run.report}: unreadable ({error.strerror}); score the run again") from None
        if not is_of_own_machine(written):
            return written
    known, scoring = suites(), RunFolder(run.folder).scoring
    if scoring.is_file():
        configuration = load_configuration(scoring)
    elif run.summary.suite in known:
        configuration = load_configuration(known[run.summary.suite].scoring)
    else:
        raise OrganizerError(
            f"{run.report}: shows what {run.summary.reveal}s see, and {run.summary.suite} is no suite by "
            f"name, so the report cannot be rendered again: score the run with reveal: {reveal}, or build with "
            f"--reveal {run.summary.reveal}"
        )
    score_report, _ = evaluate_results(read_results(RunFolder(run.folder).found_results, configuration), configuration)
    return render(replace(score_report, reveal=reveal), competition=competition)


def _say_which_have_no_run(absent: Sequence[str]) -> None:
    if absent:
        more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
        print(f"note: no run has a folder named {absent[0]!r}{more}: left out", file=sys.stderr)


def _runs_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise OrganizerError(f"{folder}: no such folder; give folders that e2lm run wrote, or a folder of them")
    inside = [folder] if _is_run(folder) else sorted(inner for inner in folder.iterdir() if _is_run(inner))
    if not inside:
        raise OrganizerError(f"{folder}: no scored run in it; give folders that e2lm run wrote, or a folder of them")
    return inside


def _is_run(folder: Path) -> bool:
    return RunFolder(folder).is_scored


def _summary_of(folder: Path) -> Summary:
    """summary.json of a run, or the same computed from its results if an earlier version scored it."""
    path = RunFolder(folder).summary
    if path.is_file():
        return read_summary(path.read_bytes(), str(path))
    results = RunFolder(folder).found_results
    try:
        suite = read_results_file(results).suite
    except OrganizerError:
        raise OrganizerError(f"{folder}: neither {path.name} nor readable results; score the run again") from None
    configuration = load_configuration(find_suite(suite).scoring)
    read: Results = read_results(results, configuration)
    score_report, drawn = evaluate_results(read, configuration)
    file = read.file
    content = summary_json(
        score_report, drawn.scores, suite_version=file.suite_version, submission=file.submission.sha256
    )
    return read_summary(content, str(path))


def _identity(name: str, taken: set[str]) -> str:
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60] or "run"
    identity, number = plain, 1
    while identity in taken:
        number += 1
        identity = f"{plain}-{number}"
    taken.add(identity)
    return identity
