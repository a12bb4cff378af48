"""Progress on a terminal and without one."""

from __future__ import annotations

import re
import time

import pytest

from e2lm.terminal import progress
from e2lm.terminal.progress import progress_bar

DETAIL = "mini-150k-arch1-web at iteration 244,000 (994.5 billion tokens): 0.2454, 0.05 s"


def drawn(capsys: pytest.CaptureFixture[str]) -> str:
    with progress_bar("science-cloze") as update:
        for done in range(1, 155):
            update(done, 154, DETAIL)
    return capsys.readouterr().err


def test_a_bar_says_how_many_are_done_however_long_the_detail_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("JPY_PARENT_PID", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    last = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawn(capsys)).rstrip().splitlines()[-1]
    assert "154/154" in last
    assert "science-cloze" in last
    assert len(last) <= 80


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_a_long_name_is_whole_and_the_bar_still_says_how_many_are_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int
) -> None:
    monkeypatch.delenv("JPY_PARENT_PID", raising=False)
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm", "COLUMNS": str(columns)}.items():
        monkeypatch.setenv(name, value)
    title = "[b]questions-about-science-in-a-very-long-name-that-goes-on-and-on"
    with progress_bar(title) as update:
        update(154, 154, DETAIL)
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", capsys.readouterr().err).replace("\r", "\n").rstrip().splitlines()
    assert max(map(len, lines)) <= columns
    assert "154/154" in lines[-1]
    assert title in "".join(lines)


def test_a_notebook_gets_a_few_plain_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("JPY_PARENT_PID", "1")
    lines = drawn(capsys).splitlines()
    assert 2 <= len(lines) <= 7
    assert lines[-1].endswith(f"science-cloze: 154/154, {DETAIL}")
    assert "\x1b" not in "".join(lines)


def test_a_log_is_never_silent_for_long(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(progress, "SILENCE", 0.2)
    with progress.progress_bar("slow") as update:
        time.sleep(0.3)  # before the first step is done
        update(1, 100, "first")
        time.sleep(0.5)
        update(2, 100, "second")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("slow: still at work after 0 s")
    assert any(line.startswith("slow: 1/100, first; still at work after") for line in lines)
    time.sleep(0.3)
    assert capsys.readouterr().err == ""
