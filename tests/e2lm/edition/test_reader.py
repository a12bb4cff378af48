"""edition.yaml: what follows from its dates and limits, and mistakes, each one line with the remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2lm.edition.reader import read_edition
from e2lm.edition.schema import Edition
from e2lm_ingestion.errors import OrganizerError
from tests.e2lm.codabench.competition_folder import EDITION


def edition_with(folder: Path, before: str = "", after: str = "") -> Edition:
    assert before in EDITION
    (folder / "edition.yaml").write_text(EDITION.replace(before, after, 1) if before else EDITION + after)
    return read_edition(folder / "edition.yaml")


def test_a_phase_ends_when_the_next_begins_and_the_last_after_its_last_day(tmp_path: Path) -> None:
    spans = edition_with(tmp_path).spans
    assert [(span.start, span.end) for span in spans] == [
        ("2025-07-07 00:00:00", "2025-08-11 00:00:00"),
        ("2025-08-11 00:00:01", "2025-10-20 00:00:00"),
        ("2025-10-20 00:00:01", "2025-11-03 23:59:59"),
    ]
    assert [span.submissions for span in spans] == [350, 700, 150]


def test_a_phase_may_end_early_and_have_limits_of_its_own(tmp_path: Path) -> None:
    own = "description: Try., end: 2025-07-31, submissions_a_day: 3, submissions: 20, step_hours: 2"
    edition = edition_with(tmp_path, "description: Try.", own)
    first = edition.spans[0]
    assert (first.end, first.days, first.submissions_a_day, first.submissions) == ("2025-07-31 23:59:59", 25, 3, 20)
    assert edition.sweep_minutes == 90


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("start: 2025-10-20", "start: 2025-08-01", "Final starts on 2025-08-01, which is not after Second"),
        (", end: 2025-11-03", "", "phases: Final: end is missing; the last phase needs its last day"),
        ("end: 2025-11-03", "end: soon", "phases.2.end: Input should be a valid date"),
        ("end: 2025-11-03", "end: 2025-11-04", "dates: results (2025-11-04) is not after phases: Final: end"),
        ("fact_sheets: 2025-11-22", "fact_sheets: 2025-11-02", "fact_sheets (2025-11-02) is not after dates: results"),
        ("start: 2025-07-07", "start: 2024-07-07", "(2024-07-07) is not in 2025, the year of this edition"),
        ("year: 2025", "year: 2026", "correct the date or year, or, where the edition crosses a new year, write other"),
        ("name: First", "name: Second", "two are named Second"),
        ("Try.}", "Try., migrate: true}", "phases: First: migrate: nothing comes before the first phase"),
        ("Try.}", "Try., submissions: 351}", "351 do not fit: 10 a day on 35 days are 350"),
        ("year: 2025", "yaer: 2025", "yaer: not a key of this file; did you mean year?"),
        ("year: 2025", "year: 2025\nweights: {}", "weights: not a key of this file; it is in the scoring.yaml"),
        ("migrate: true", "migration: true", "did you mean migrate?"),
        ("motto: Small is enough\n", "", "motto: missing; add it"),
        ("submissions_a_day: 10", "submissions_a_day: 0", "limits.submissions_a_day: Input should be greater than 0"),
        ("teams: [500, 250]", "teams: [500, -250]", "prizes.teams.1: Input should be greater than 0"),
        ("prizes: {", "prizes: {currency: euro, ", "prizes.currency: String should match"),
        ("year: 2025", "year: [", "not YAML"),
        ("", "worker: {gpu: V100}", "worker.gpu: no figures for 'V100'; choose the most similar of"),
        ("", "worker: {gpus: 0}", "worker.gpus: Input should be greater than 0"),
        (
            "submissions_a_day: 10",
            "submissions_a_day: five",
            "unable to parse string as an integer, not 'five'; write a",
        ),
        ("teams: [500, 250]", "teams: [250, 500]", "prizes: teams: the best gets the first amount, and a later one is"),
        (
            "step_hours: 12",
            "step_hours: 7200",
            "limits.step_hours: Input should be less than or equal to 168, not 7200",
        ),
        ("image: ", "image: a b;", "image: String should match pattern"),
        ("", "columns: [score, sqq]", "columns: sqq is not a column of scores.json"),
        ("", "columns: [score, non_randomness]", "non_randomness is missing for some tasks"),
        ("", "links: {Proposal: arxiv.org/abs/1}", "'arxiv.org/abs/1' is not an address"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, before: str, after: str, expected: str) -> None:
    with pytest.raises(OrganizerError) as caught:
        edition_with(tmp_path, before, after)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_names_the_command_that_writes_one(tmp_path: Path) -> None:
    with pytest.raises(OrganizerError, match=r"there is no such file; e2lm edition new FOLDER writes one"):
        read_edition(tmp_path / "edition.yaml")
