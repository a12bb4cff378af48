"""`e2lm rank`: the final ranking as text, CSV, JSON and Markdown."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import pytest

from e2lm.cli.main import main
from e2lm.edition.reader import read_edition
from e2lm.project import PROJECT_ROOT
from e2lm.runs.manifest import Row, write_index
from e2lm.submissions.judging.verdicts import Answer, write_answers
from tests.e2lm.command_line import e2lm
from tests.e2lm.leaderboard.summaries import write_entries, write_run


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    write_run(tmp_path / "runs/first", 0.9, task="=cmd|'/c calc'!A1")
    write_run(tmp_path / "runs/second", 0.895, task="[click](javascript:1) | <b>")
    write_run(tmp_path / "runs/noise", 0.1, eligible=False, reasons=["it does not improve"])
    return tmp_path


def test_the_ranking_is_printed_and_written_in_three_formats(runs: Path) -> None:
    entries = write_entries(runs / "entries.json", {"second": {"team": "Students", "student": True, "owner": "two"}})
    done = e2lm("rank", "runs", "--entries", entries, "--out", "out", cwd=runs)
    assert done.returncode == 0, done.stderr
    assert "noise is not ranked: it does not improve" in done.stdout
    ranking = json.loads((runs / "out/ranking.json").read_text())
    prizes = read_edition(PROJECT_ROOT / "edition.yaml").prizes
    assert [(row["rank"], row["tied"], row["prize"]) for row in ranking["runs"]] == [
        (1, True, prizes.teams[0]),
        (1, True, prizes.teams[1]),
        (None, False, 0),
    ]
    assert 0.5 < ranking["runs"][0]["p_above_next"] < 0.95
    assert ranking["runs"][1]["student_award"] == prizes.students[0]
    with (runs / "out/ranking.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["score"] for row in rows] == ["0.9", "0.895", "0.1"]
    assert rows[0]["task"].startswith("'=")
    assert rows[2]["not_ranked"] == "it does not improve"
    markdown = (runs / "out/ranking.md").read_text()
    assert "| 1= |" in markdown
    assert r"\[click\]\(javascript:1\) \| \<b\>" in markdown
    assert "it does not improve" in markdown.split("## Not ranked")[1]


def judged(submission: str, wrong: int) -> list[Answer]:
    marks = ["wrong"] * wrong + ["right"] * (50 - wrong)
    return [Answer(i, "0" * 64, "m", "schema", "{}", "accept", "", mark, submission) for i, mark in enumerate(marks)]  # type: ignore[arg-type]


def test_what_a_judge_found_of_the_marked_answers_withholds_a_prize(runs: Path) -> None:
    write_run(runs / "runs/third", 0.8, submission="1" * 64)
    write_answers(runs / "one.jsonl", judged("0" * 64, wrong=2))
    write_answers(runs / "third.jsonl", [*judged("1" * 64, wrong=40), *judged("2" * 64, wrong=40)])
    done = e2lm("rank", "runs", "--judged", "one.jsonl", "third.jsonl", "--out", "out", cwd=runs)
    assert done.returncode == 0, done.stderr
    assert "third gets no prize" in done.stdout
    assert "80% wrong, 95 % interval 67% to 89%" in done.stdout
    assert done.stdout.count("gets no prize") == 1


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "no such file"), ('{"question": "?"}\n', "line 1: not an answer of a judge")],
)
def test_other_files_are_no_answers_of_a_judge(runs: Path, content: str | None, told: str) -> None:
    if content is not None:
        (runs / "judge.jsonl").write_text(content)
    done = e2lm("rank", "runs", "--judged", "judge.jsonl", "--out", "out", cwd=runs)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert told in done.stderr
    assert "judge.jsonl" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("columns", [60, 80, 200])
def test_long_names_of_submissions_and_teams_are_whole_in_any_terminal(tmp_path: Path, columns: int) -> None:
    names = ("questions-about-science-in-a-very-long-name-that-goes-on-and-on", "x" * 70)
    for index, name in enumerate(names):
        write_run(tmp_path / f"runs/{index}", 0.9 - index / 10, task=name)
    entries = write_entries(tmp_path / "entries.json", {"0": {"team": "team-of-a-name-as-long-as-its-submission-is"}})
    done = e2lm("rank", "runs", "--entries", entries, "--out", "out", cwd=tmp_path, COLUMNS=str(columns))
    assert done.returncode == 0, done.stderr
    table = done.stdout.split("ranking.csv:")[0]
    assert max(map(len, table.splitlines())) <= columns
    rows = [re.split(r" *│ *|  +", line.strip(" │")) for line in table.splitlines()]
    folded = "".join(next((cell for cell in row if not re.fullmatch(r"[\d=]*", cell)), "") for row in rows)
    assert all(name in folded for name in (*names, "team-of-a-name-as-long-as-its-submission-is"))
    assert "0.89 to 0.91" in table
    assert "0.79 to 0.81" in table


def test_a_run_without_its_summary_is_ranked_from_its_results(science_cloze_run: Path, tmp_path: Path) -> None:
    whole = e2lm("rank", science_cloze_run, "--out", tmp_path / "whole")
    bare = tmp_path / science_cloze_run.name
    shutil.copytree(science_cloze_run, bare)
    (bare / "summary.json").unlink()
    done = e2lm("rank", bare, "--out", tmp_path / "bare")
    assert (whole.returncode, done.returncode) == (0, 0), done.stderr
    assert (tmp_path / "whole/ranking.csv").read_text() == (tmp_path / "bare/ranking.csv").read_text()


def spoil(runs: Path, **changed: object) -> None:
    path = runs / "runs/second/summary.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"suite": "other"}, "rank one suite at a time"),
        ({"suite_version": 2}, "scored alike"),
        ({"schema": "e2lm-summary/9"}, "schema 'e2lm-summary/9'"),
        ({"draws": {}}, "draws of sq are missing"),
        ({"items": "many"}, "items: "),
    ],
)
def test_runs_that_cannot_be_ranked_together_are_one_line(
    runs: Path, capsys: pytest.CaptureFixture[str], changed: dict[str, object], expected: str
) -> None:
    spoil(runs, **changed)
    assert expected in error_of(capsys, runs / "runs", "--out", runs / "out")
    assert not (runs / "out").exists()


@pytest.mark.parametrize(
    ("folder", "expected"), [("nowhere", "nowhere: no such folder"), ("empty", "no scored run in it")]
)
def test_folders_without_runs_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], folder: str, expected: str
) -> None:
    (tmp_path / "empty").mkdir()
    assert expected in error_of(capsys, tmp_path / folder, "--out", tmp_path / "out")


def test_without_an_edition_there_are_places_and_no_prizes(
    runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("e2lm.project.PROJECT_ROOT", runs / "installed")
    monkeypatch.chdir(runs)
    assert main(["rank", str(runs / "runs"), "--out", str(runs / "out")]) == 0
    assert "no prizes: " in capsys.readouterr().out
    rows = json.loads((runs / "out/ranking.json").read_text())["runs"]
    assert [(row["position"], row["prize"]) for row in rows] == [(1, 0), (2, 0), (None, 0)]


def test_an_entry_of_no_run_is_named_and_left_out(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entries = write_entries(runs / "entries.json", {"secnod": {"team": "Students"}})
    assert main(["rank", str(runs / "runs"), "--entries", str(entries), "--out", str(runs / "out")]) == 0
    assert "'secnod'" in capsys.readouterr().err


def test_failures_of_the_rerun_are_in_the_ranking_with_their_reasons(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done, failed = Row("first", "first.zip", "1", "done"), Row("bad", "bad.zip", "2", "failed", "bad.zip: not a <zip>")
    write_index(runs / "runs", [done, failed])
    entries = write_entries(runs / "entries.json", {"bad": {"team": "Students"}})
    assert main(["rank", str(runs / "runs"), "--entries", str(entries), "--out", str(runs / "out")]) == 0
    printed = capsys.readouterr()
    assert "bad has no result: bad.zip: not a <zip>" in printed.out
    assert "note:" not in printed.err
    listed = json.loads((runs / "out/ranking.json").read_text())["failed"]
    assert listed == [{"run": "bad", "team": "Students", "reason": "bad.zip: not a <zip>"}]
    assert r"- bad (Students): bad.zip: not a \<zip\>" in (runs / "out/ranking.md").read_text()
    (runs / "runs/rerun.json").write_text("{")
    assert "rerun.json: damaged" in error_of(capsys, runs / "runs", "--out", runs / "out")


def error_of(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """The one error line of `e2lm rank`."""
    assert main(["rank", *map(str, arguments)]) == 2
    error = capsys.readouterr().err.splitlines()
    assert [line for line in error if line.startswith("error: ")] == error[-1:]
    return error[-1]


def test_json_prints_what_ranking_json_holds(runs: Path) -> None:
    done = e2lm("rank", "runs", "--out", "out", "--json", cwd=runs)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads((runs / "out/ranking.json").read_text())
