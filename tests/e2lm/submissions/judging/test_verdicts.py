"""The outcome of many verdicts, and their file."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2lm.submissions.judging.verdicts import (
    Answer,
    line_of,
    outcome_of,
    read_answers,
    wilson,
    write_answers,
    wrong_keys,
)
from e2lm_ingestion.errors import OrganizerError


def answers(accepted: int, rejected: int, unanswered: int = 0) -> list[Answer]:
    verdicts = [*["accept"] * accepted, *["reject"] * rejected, *[None] * unanswered]
    return [Answer(i, "0" * 64, "m", "schema", "{}", verdict, "") for i, verdict in enumerate(verdicts)]  # type: ignore[arg-type]


# Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3.
@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_is_the_published_one(successes: int, trials: int, low: float, high: float) -> None:
    assert wilson(successes, trials) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("accepted", "rejected", "decision"),
    [(50, 0, "passed"), (32, 18, "passed"), (31, 19, "undecided"), (19, 31, "undecided"), (18, 32, "failed")],
)
def test_a_submission_passes_where_the_whole_interval_reaches_the_threshold(
    accepted: int, rejected: int, decision: str
) -> None:
    assert outcome_of(answers(accepted, rejected), 0.5).decision == decision


def test_unanswered_items_count_neither_way() -> None:
    with_gaps, without = outcome_of(answers(40, 5, 5), 0.5), outcome_of(answers(40, 5), 0.5)
    assert (with_gaps.rate, with_gaps.low, with_gaps.unanswered) == (without.rate, without.low, 5)


def test_without_any_answer_nothing_is_decided() -> None:
    outcome = outcome_of(answers(0, 0, 50), 0.5)
    assert (outcome.rate, outcome.low, outcome.high, outcome.decision) == (None, 0.0, 1.0, "undecided")


def test_items_that_carry_the_score_do_not_hide_among_others() -> None:
    """16 of 50 items are rejected: most are accepted, and nothing of what carries the score is."""
    outcome = outcome_of(answers(34, 16), 0.5, by_influence=[*range(34, 50), *range(34, 43)])
    assert outcome.rate == 0.68
    assert (outcome.influence_rate, outcome.decision) == (0.0, "failed")
    assert outcome_of(answers(34, 16), 0.5).decision == "passed"


def test_a_line_that_a_killed_run_left_half_written_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    write_answers(path, answers(2, 1))
    path.write_text(path.read_text() + line_of(answers(1, 0)[0])[:-9])
    assert read_answers(path) == answers(2, 1)


def test_another_file_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "test.jsonl"
    path.write_text('{"question": "?"}\n')
    with pytest.raises(OrganizerError, match=r"test\.jsonl, line 1: not an answer of a judge"):
        read_answers(path)


def test_wrong_keys_have_a_rate_with_an_interval_of_their_own() -> None:
    marks = ["right"] * 12 + ["wrong"] * 36 + ["unsure"] * 2
    answers = [Answer(i, "0" * 64, "m", "schema", "{}", "accept", "", mark) for i, mark in enumerate(marks)]  # type: ignore[arg-type]
    outcome = outcome_of(answers, 0.5)
    assert (outcome.wrong_rate, outcome.marked_unsure, outcome.decision) == (0.75, 2, "passed")
    assert (outcome.wrong_low, outcome.wrong_high) == wilson(36, 48)
    assert outcome.blocks
    assert not outcome_of(answers[:13], 0.5).blocks
    assert outcome_of(answers[48:], 0.5).wrong_rate is None


def test_answers_of_a_version_that_did_not_ask_are_read(tmp_path: Path) -> None:
    line = line_of(Answer(0, "0" * 64, "m", "schema", "{}", "accept", ""))
    (tmp_path / "old.jsonl").write_text(line.replace(', "marked": null, "submission": "", "seed": null', ""))
    assert read_answers(tmp_path / "old.jsonl")[0].marked is None
    with pytest.raises(OrganizerError, match=r"old\.jsonl: does not say of which submission"):
        wrong_keys(read_answers(tmp_path / "old.jsonl"), "old.jsonl")
