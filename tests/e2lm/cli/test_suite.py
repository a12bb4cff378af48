"""`e2lm suite show`: a suite's models as a table for the terminal."""

from __future__ import annotations

import pytest

from e2lm.cli.main import main
from e2lm.suites.registry import SUITES
from e2lm_ingestion.suite import load_suite


@pytest.mark.parametrize("columns", [60, 80, 200])
@pytest.mark.parametrize("name", SUITES)
def test_models_are_shown_whole_in_any_terminal(
    name: str, columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(["suite", "show", name]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= columns
    for model in load_suite(SUITES[name].suite).models:
        assert model.id in shown
        assert f" of {len(model.iterations)}" in shown
    assert "…" not in shown
