"""The honest examples pass the gate under every sound metric, the others under none."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2lm.suites.registry import SUITES
from tests.e2lm.run_folders import metrics_of

SOUND = {
    *("acc", "acc_norm", "correct_prob", "correct_logprob"),
    *("norm_correct_prob", "logprob_margin", "logprob_margin_mean", "margin"),
}


@pytest.mark.parametrize(
    ("task", "is_honest"), [("science-cloze", True), ("web-trivia", True), ("noise", False), ("science-letters", False)]
)
def test_an_example_passes_the_gate_where_it_is_honest(demo: Path, task: str, is_honest: bool) -> None:
    rows = metrics_of(demo / task, SUITES["miniature"].scoring)
    eligible = {name: row.eligible for row in rows for name in (row.metric, *row.same)}
    assert eligible.keys() >= SOUND
    passing = {name for name in eligible if eligible[name]}
    assert passing >= SOUND if is_honest else not passing
