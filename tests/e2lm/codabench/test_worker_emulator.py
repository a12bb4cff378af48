"""What the leaderboard takes of scores.json."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from e2lm.codabench.worker_emulator import read_scores
from tests.e2lm.codabench.competition_folder import COLUMNS


@pytest.mark.parametrize(
    ("scores", "problem"),
    [
        ('{"score": 1, "sq": NaN}', "sq is NaN, not a finite number"),
        ('{"score": 1, "sq": Infinity}', "sq is Infinity, not a finite number"),
        ('{"score": 1, "sq": null}', "sq is null"),
        ('{"score": "1", "sq": 1}', 'score is "1"'),
        ('{"score": 1, "sq": true}', "sq is true"),
        ('{"score": 1, "sq": {"a": 1}}', "sq is {"),
        ('{"score": 1}', "no sq; Codabench would sort the row on top"),
        ("[1, 2]", "not one flat object"),
        ("score", "not JSON"),
    ],
)
def test_scores_that_codabench_would_lose_or_misplace_are_a_failure(scores: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "scores.json").write_text(scores)
    row, found = read_scores(tmp_path / "scores.json", list(COLUMNS))
    assert row == {}
    assert problem in (found or "")


def test_good_scores_are_the_row_in_the_leaderboards_order(tmp_path: Path) -> None:
    (tmp_path / "scores.json").write_text(json.dumps({"extra": 3, "sq": 0.25, "score": 1}))
    row, found = read_scores(tmp_path / "scores.json", list(COLUMNS))
    assert found is None
    assert list(row.items()) == [("score", 1.0), ("sq", 0.25)]
