"""`e2lm codabench` against a small server that speaks Codabench's endpoints, and against servers that misbehave."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2lm import http
from e2lm.cli.main import main
from e2lm.codabench import phase
from e2lm.codabench.client import PASSWORD_VARIABLE, TOKEN_VARIABLE, USER_VARIABLE
from tests.e2lm.codabench_site import ZIP, Site, submission
from tests.e2lm.web_server import Response, serving


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phase, "PAUSE", 0)
    monkeypatch.setattr(http, "LONGEST_WAIT", 0.01)
    monkeypatch.setenv(TOKEN_VARIABLE, "abc")


@pytest.fixture
def site() -> Iterator[Site]:
    one = Site(submission(7), submission(8, "b/../b", on_leaderboard=False), submission(9, "ada", parent=7))
    with serving(one.file) as storage:
        one.storage = storage
        yield one


def run(site: Site, *arguments: str | int | Path) -> int:
    with serving(site.answer) as url:
        return main(["codabench", *map(str, arguments), "--url", url])


def test_fetch_writes_zips_and_their_teams(site: Site, tmp_path: Path) -> None:
    assert run(site, "fetch", 3, "--all", "--out", tmp_path / "zips") == 0
    found = {path.name for path in (tmp_path / "zips").iterdir()}
    assert found == {"7-ada.zip", "8-b-b.zip", "entries.json"}
    assert (tmp_path / "zips/7-ada.zip").read_bytes() == ZIP
    entry = json.loads((tmp_path / "zips/entries.json").read_text())["7-ada"]
    assert entry["team"] == "Lovelace"
    assert (entry["student"], entry["licence"], entry["score"], entry["codabench_id"]) == (True, "MIT", 0.5835, 7)
    site.paths.clear()
    assert run(site, "fetch", 3, "--all", "--out", tmp_path / "zips") == 0
    assert not [path for path in site.paths if "get_details" in path]


def zip_of(**files: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


def test_results_are_unpacked_where_a_rerun_looks_for_them_and_nothing_else_is(site: Site, tmp_path: Path) -> None:
    array = "checkpoints/mini-150k/iter_0004000.npz"
    site.results = zip_of(
        **{"results.json": b"{}", "items.npz": b"i", array: b"a", "../out.txt": b"x", "checkpoints/../../y.npz": b"y"}
    )
    assert run(site, "fetch", 3, "--out", tmp_path / "zips", "--results", tmp_path / "earlier") == 0
    found = [path for path in (tmp_path / "earlier").rglob("*") if path.is_file()]
    folder = tmp_path / "earlier/7-ada/results"
    assert sorted(found) == sorted([folder / "results.json", folder / "items.npz", folder / array])
    assert not list(tmp_path.rglob("out.txt"))


def test_incomplete_results_leave_nothing(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site.results = zip_of(**{"items.npz": b"i"})
    assert run(site, "fetch", 3, "--out", tmp_path / "zips", "--results", tmp_path / "earlier") == 2
    assert "submission 7: its results lack results.json" in capsys.readouterr().err
    assert not [path for path in (tmp_path / "earlier").rglob("*") if path.is_file()]
    site.results = b"no zip"
    assert run(site, "fetch", 3, "--out", tmp_path / "zips", "--results", tmp_path / "earlier") == 2
    assert "submission 7: its results cannot be unpacked" in capsys.readouterr().err


def test_only_the_leaderboard_is_fetched_unless_asked(site: Site, tmp_path: Path) -> None:
    assert run(site, "fetch", 3, "--out", tmp_path) == 0
    assert list(json.loads((tmp_path / "entries.json").read_text())) == ["7-ada"]


@pytest.mark.parametrize("owner", ["../../etc/passwd", "/root", "..", "a\0b", "x" * 300, "", "CON\\..\\x", "é ü"])
def test_an_owners_name_never_leads_out_of_the_folder(owner: str, tmp_path: Path) -> None:
    site = Site(submission(7, owner))
    with serving(site.file) as site.storage:
        assert run(site, "fetch", 3, "--out", tmp_path / "a/b") == 0
    assert len(list(tmp_path.rglob("*.zip"))) == len(list((tmp_path / "a/b").glob("7*.zip"))) == 1


def test_pages_are_followed_and_failures_retried(tmp_path: Path) -> None:
    site = Site(*(submission(number, f"team{number}") for number in range(1, 8)))
    site.pages = 3
    site.trouble = {
        "/api/submissions/": [Response(502, b"Bad Gateway"), Response(200, [1] * 99, broken=True)],
        "/file/api/submissions/2/get_details/": [Response(200, ZIP * 9, broken=True)],
    }
    with serving(site.file) as site.storage:
        assert run(site, "fetch", 3, "--out", tmp_path) == 0
    assert len(json.loads((tmp_path / "entries.json").read_text())) == 7
    assert (tmp_path / "2-team2.zip").read_bytes() == ZIP


def test_a_next_page_on_another_server_is_not_given_the_token(capsys: pytest.CaptureFixture[str]) -> None:
    site = Site()
    site.trouble = {"/api/submissions/": [Response(200, {"results": [], "next": "https://example.org/api/"})]}
    assert run(site, "list", 3) == 2
    assert "https://example.org/api/: another server" in capsys.readouterr().err


def test_pages_without_an_end_are_given_up(capsys: pytest.CaptureFixture[str]) -> None:
    site = Site()
    here = "/api/submissions/?phase=3"
    site.trouble = {"/api/submissions/": [Response(200, {"results": [], "next": here}) for _ in range(5)]}
    assert run(site, "list", 3) == 2
    assert "no end" in capsys.readouterr().err


def test_a_file_that_is_too_large_leaves_nothing_and_the_rest_is_fetched(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phase, "SUBMISSION", ("data_file", 1000))
    site.trouble = {"/file/api/submissions/7/get_details/": [Response(200, bytes(2000))]}
    assert run(site, "fetch", 3, "--all", "--out", tmp_path) == 2
    assert "submission 7: the file is larger" in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"8-b-b.zip", "entries.json"}


def test_an_error_of_the_storage_does_not_show_the_signed_address(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site.trouble = {"/file/api/submissions/7/get_details/": [Response(403, {}) for _ in range(9)]}
    assert run(site, "fetch", 3, "--out", tmp_path) == 2
    error = capsys.readouterr().err
    assert "the storage answers 403" in error
    assert "secret" not in error


@pytest.mark.parametrize("address", ["http://[", "file:///etc/passwd", "http://a:99999999/", "javascript:x", ""])
def test_an_invalid_address_is_refused(
    address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], site: Site
) -> None:
    site.trouble = {"/api/submissions/7/get_details/": [Response(200, {"data_file": address})]}
    assert run(site, "fetch", 3, "--out", tmp_path) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["entries.json"]


def test_a_rerun_changes_nothing_without_yes(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(site, "rerun", 3) == 0
    assert "would rerun 7 of ada" in capsys.readouterr().out
    assert not [path for path in site.paths if path.startswith("POST")]


def test_a_rerun_says_which_submission_it_became(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(site, "rerun", 3, 7, 8, "--yes", "--out", tmp_path / "reruns.jsonl") == 0
    assert "rerun of 7 (ada): 1007" in capsys.readouterr().out
    lines = [json.loads(line) for line in (tmp_path / "reruns.jsonl").read_text().splitlines()]
    assert [(line["submission"], line["rerun"]) for line in lines] == [(7, 1007), (8, 1008)]


def test_a_rerun_is_not_sent_again_when_its_answer_is_lost(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.trouble = {"/api/submissions/7/re_run_submission/": [Response(200, {"id": 1007}, broken=True)]}
    assert run(site, "rerun", 3, "--yes") == 2
    assert "the server may have processed it" in capsys.readouterr().err
    assert sum(path.startswith("POST") for path in site.paths) == 1


def test_running_submissions_are_not_rerun(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Site(submission(7, status="Running")), "rerun", 3, "--yes") == 2
    assert "submission 7: not finished yet" in capsys.readouterr().err


def test_scores_go_into_a_csv_file_that_no_spreadsheet_runs(tmp_path: Path) -> None:
    site = Site(submission(7, fact_sheet_answers={"team": "=HYPERLINK(1)"}), submission(8, scores=[]))
    assert run(site, "list", 3, "--out", tmp_path / "scores.csv") == 0
    with (tmp_path / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["id"], row["score"], row["team"]) for row in rows] == [
        ("7", "0.5835", "'=HYPERLINK(1)"),
        ("8", "", "Lovelace"),
    ]


def test_a_password_gets_a_token(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE)
    monkeypatch.setenv(USER_VARIABLE, "ada")
    monkeypatch.setenv(PASSWORD_VARIABLE, "difference")
    assert run(site, "list", 3) == 0
    assert site.paths[0] == "POST /api/api-token-auth/"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Response(401, {"detail": "Invalid token."}), "401: .*the token is wrong"),
        (Response(302, {}, {"Location": "https://example.org/"}), "redirects; give its own address as --url"),
        (Response(200, b"<html>"), "not JSON; check --url"),
        (Response(200, {"detail": "x"}), "not a listing"),
        (Response(200, ["x"]), "not submissions"),
        (Response(200, [{"id": "../7"}]), "without a number"),
    ],
)
def test_answers_that_are_wrong_end_in_one_line(
    answer: Response, error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    site = Site()
    site.trouble = {"/api/submissions/": [answer]}
    assert run(site, "list", 3) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert re.search(error, message)


def test_a_token_is_not_sent_unencrypted_and_its_absence_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["codabench", "list", "3", "--url", "http://example.org"]) == 2
    assert "unencrypted" in capsys.readouterr().err
    monkeypatch.delenv(TOKEN_VARIABLE)
    assert main(["codabench", "list", "3"]) == 2
    assert f"set {TOKEN_VARIABLE}" in capsys.readouterr().err
