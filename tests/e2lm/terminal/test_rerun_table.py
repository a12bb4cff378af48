"""The live table of a rerun in terminals of several widths."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from e2lm.suites.registry import SUITES
from e2lm.terminal.rerun_table import rerun_table
from e2lm_ingestion.execution.sweep import Progress
from e2lm_ingestion.suite import checkpoints_of, load_suite

NAME = "questions-about-science-in-a-very-long-name-that-goes-on-and"


@pytest.mark.parametrize("width", [60, 80, 200])
def test_all_models_and_what_they_do_are_read_in_24_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int
) -> None:
    monkeypatch.delenv("JPY_PARENT_PID", raising=False)
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm", "COLUMNS": str(width), "LINES": "24"}.items():
        monkeypatch.setenv(name, value)
    suite = load_suite(SUITES["e2lm-2025-full"].suite)
    checkpoints = [one for one in checkpoints_of(suite, Path()) if one.iteration == 244_000]
    with rerun_table([NAME, "other"], {model.id: 61 for model in suite.models}) as table:
        for done, checkpoint in enumerate(checkpoints, start=1):
            table.progress(Progress(0, checkpoint, 0.5, 12.3, False, done, 854, 4000.0))
    drawn = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", capsys.readouterr().err).replace("\r", "")
    last = drawn[drawn.rindex("2 submissions: 7 of 854 done") :].splitlines()
    text = "\n".join(last)
    assert len(last) <= 24
    assert max(map(len, last)) <= width
    assert all(model.id in text for model in suite.models)
    assert text.count("1/122") == text.count("244,000") == len(suite.models)
