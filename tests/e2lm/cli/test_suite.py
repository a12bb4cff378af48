"""`e2lm suite show`: a suite's models as a table for the terminal."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

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


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_long_names_wrap_and_nothing_is_cut(
    columns: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = yaml.safe_load(SUITES["miniature"].suite.read_text())
    long = {"id": "model-" * 16 + "x", "architecture": "a wide one " * 9 + "end", "mixture": "web-and-science" * 7}
    suite["models"] = [suite["models"][0] | long]
    (tmp_path / "suite.yaml").write_text(yaml.safe_dump(suite))
    shutil.copyfile(SUITES["miniature"].scoring, tmp_path / "scoring.yaml")
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(["suite", "show", str(tmp_path / "suite.yaml")]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= columns
    assert "…" not in shown
    assert shown.count("wide") == 9
    if columns < 200:  # in a table, the lines of cells stand beside each other
        assert long["id"] in "".join(shown.split())
