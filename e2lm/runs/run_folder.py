"""The folder that a run is written into, and where in it each file is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from e2lm_ingestion.file_names import ITEMS, JOURNAL, RESULTS
from e2lm_scoring.errors import OrganizerError
from e2lm_scoring.file_names import REPORT, SCORES, SUMMARY
from e2lm_scoring.inputs.results import ResultsFile, read_results_file


@dataclass(frozen=True, slots=True)
class RunFolder:
    """What `e2lm run` leaves: the results of ingestion in a folder of their own, beside them what scoring wrote."""

    root: Path

    @property
    def results(self) -> Path:
        """The folder of results, there or to be."""
        return self.root / "results"

    @property
    def found_results(self) -> Path:
        """The folder of results of a run; where there is none in it, the folder itself, which may hold bare results."""
        return self.results if self.results.is_dir() else self.root

    def head(self) -> ResultsFile:
        """The content of results.json. Raises OrganizerError, in the same words for all commands that read runs."""
        path = self.found_results / RESULTS
        if not path.is_file():
            raise OrganizerError(f"{path}: missing; give a folder in which e2lm run has finished")
        try:
            return read_results_file(self.found_results)
        except OrganizerError:
            raise OrganizerError(f"{path}: damaged, or of another version; run the submission again") from None

    @property
    def results_json(self) -> Path:
        """results.json, there once the sweep is complete."""
        return self.results / RESULTS

    @property
    def journal(self) -> Path:
        """The journal of the sweep."""
        return self.results / JOURNAL

    @property
    def items(self) -> Path:
        """What the items are, for metrics."""
        return self.results / ITEMS

    @property
    def scores(self) -> Path:
        """The columns of the leaderboard, there once the run is scored."""
        return self.root / SCORES

    @property
    def summary(self) -> Path:
        """What a ranking reads."""
        return self.root / SUMMARY

    @property
    def scoring(self) -> Path:
        """scoring.yaml of a suite that is none of the project's, for `e2lm rescore`."""
        return self.root / "scoring.yaml"

    @property
    def report(self) -> Path:
        """The report, or the page that says why there is none."""
        return self.root / REPORT

    @property
    def failure(self) -> Path:
        """Python's trace of an unexpected error in a rerun."""
        return self.root / "failure.txt"

    @property
    def is_begun(self) -> bool:
        """Whether a sweep has written here."""
        return self.journal.is_file() or self.results_json.is_file()

    @property
    def is_scored(self) -> bool:
        """Whether scoring has written here."""
        return self.summary.is_file() or self.scores.is_file()
