"""`e2lm metrics` lists every metric."""

from __future__ import annotations

import pytest

from e2lm.cli.main import main
from e2lm_ingestion.task.output_type_rules import RULES


def test_every_metric_is_listed_with_its_direction(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    assert main(["metrics"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for rules in RULES.values():
        for name, spec in rules.metrics.items():
            direction = "higher" if spec.higher_is_better else "lower"
            assert any(
                line.split("│")[1:3] and [cell.strip() for cell in line.split("│")[1:3]] == [name, direction]
                for line in lines
            ), name


def test_one_output_type_is_listed_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["metrics", "loglikelihood_rolling"]) == 0
    text = capsys.readouterr().out
    assert "bits_per_byte" in text
    assert "acc_norm" not in text
