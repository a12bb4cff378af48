"""`e2lm demo` comes out as the science says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

Board = list[dict[str, Any]]


@pytest.fixture(scope="module")
def board(demo: Path) -> Board:
    found: Board = json.loads((demo / "leaderboard.json").read_text())
    return found


def test_the_board_is_a_list_best_first(board: Board) -> None:
    assert {row["submission"] for row in board} == {"science-cloze", "science-letters", "web-trivia", "noise"}
    assert all(set(row) == {"submission", "score", "sq", "rc", "cs", "eligible"} for row in board)
    scores = [row["score"] for row in board]
    assert scores == sorted(scores, reverse=True)


def test_the_science_task_wins_with_a_clear_signal_and_alignment(board: Board) -> None:
    best = board[0]
    assert best["submission"] == "science-cloze"
    assert best["eligible"]
    assert best["sq"] >= 0.8
    assert best["cs"] > 0.1


def test_web_trivia_is_not_aligned_with_science(board: Board) -> None:
    (web,) = (row for row in board if row["submission"] == "web-trivia")
    assert web["cs"] <= 0.05


def test_shuffled_labels_come_last_and_are_not_eligible(board: Board) -> None:
    assert board[-1]["submission"] == "noise"
    assert not board[-1]["eligible"]


def test_every_submission_has_scores_and_a_report(demo: Path, board: Board) -> None:
    for row in board:
        scores = json.loads((demo / row["submission"] / "scores.json").read_text())
        assert scores["score"] == row["score"]
        assert (demo / row["submission"] / "detailed_results.html").stat().st_size < 1_000_000
