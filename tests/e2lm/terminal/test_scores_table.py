"""The scores of a run as text, in log files and in terminals."""

from __future__ import annotations

from dataclasses import replace

import pytest

from e2lm.terminal.scores_table import scores_text
from tests.scoring.report.score_reports import good

NAME = "questions-about-science-in-a-very-long-name-that-goes-on-and-on"


def test_a_log_file_has_them_in_one_line() -> None:
    text = scores_text(replace(good(), task=NAME), None)
    assert text.startswith(f"{NAME}: score 0.6965 [0.665, 0.718], sq 0.9641 [")
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_score_is_broken_at_the_edge_of_a_terminal(width: int) -> None:
    lines = scores_text(replace(good(), task=NAME), width).splitlines()
    assert max(map(len, lines)) <= width
    assert "".join(lines).startswith(f"{NAME}:")
    for score in ("score 0.6965 [0.665, 0.718]", "cs 0.3127 [0.281, 0.334]", "improvement_z 11.8134"):
        assert any(score in line for line in lines)
