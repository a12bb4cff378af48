"""`e2lm leaderboard`: the files of the site, and what must not be in them."""

from __future__ import annotations

import base64
import json
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from e2lm.cli.main import main
from e2lm.leaderboard.scored_runs import load_runs
from e2lm.leaderboard.site.pages import LEVELS, LOWEST, QUANTILES, SPAN, packed_draws
from tests.e2lm.leaderboard.summaries import write_entries, write_run

HOSTILE = "</script><script>alert(1)</script><!--<img src=x onerror=alert(2)>\u2028\u202e{{7*7}}\"'"


class Tags(HTMLParser):
    """Which elements a page has, and where its links lead."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


def build(site: Path, *arguments: str | Path) -> int:
    return main(["leaderboard", *map(str, arguments), "-o", str(site)])


def test_texts_of_participants_run_nothing_on_any_page(tmp_path: Path) -> None:
    write_run(tmp_path / "runs/plain", 0.5)
    write_run(tmp_path / "runs/hostile", 0.9, task=HOSTILE, metric=HOSTILE)
    write_run(tmp_path / "runs/refused", 0.3, task=HOSTILE, eligible=False, reasons=[HOSTILE])
    sheet = dict.fromkeys(("team", "owner", "method", "licence", "compute"), HOSTILE)
    sheet["licence"] = HOSTILE[:99]
    entries = write_entries(tmp_path / "e.json", {"hostile": sheet | {"code_url": "https://example.org/\"onclick='x'"}})
    assert build(tmp_path / "site", tmp_path / "runs", "--entries", entries) == 0
    pages = [path for path in (tmp_path / "site").rglob("*.html") if path.parent.name != "reports"]
    assert len(pages) == 6
    for path in pages:
        page = path.read_text()
        tags = Tags(page)
        assert "img" not in tags.elements
        assert tags.handlers == []
        assert tags.elements.count("script") == {"index": 1, "leaderboard": 1, "compare": 2}.get(path.stem, 0)
        assert all(not link.lower().startswith(("javascript:", "data:text")) for link in tags.links)
        assert "\u2028" not in page.partition('<script type="application/json"')[2]
        assert "Content-Security-Policy" in page
    sheet_page = (tmp_path / "site/submissions/hostile.html").read_text()
    assert 'rel="noopener noreferrer nofollow"' in sheet_page
    assert "&lt;img src=x" in sheet_page


def test_folder_names_make_distinct_plain_addresses(tmp_path: Path) -> None:
    for number, name in enumerate(("a b", "A-B", "Ü <&>", "index")):
        write_run(tmp_path / "runs" / name, 0.5 + number / 10)
    assert build(tmp_path / "site", tmp_path / "runs") == 0
    names = sorted(path.name for path in (tmp_path / "site/submissions").iterdir())
    assert names == ["a-b-2.html", "a-b.html", "index.html", "run.html"]


def test_each_suite_has_a_page_and_data_of_its_own(tmp_path: Path) -> None:
    write_run(tmp_path / "runs/one", 0.5)
    write_run(tmp_path / "runs/two", 0.6, suite="other suite")
    assert build(tmp_path / "site", tmp_path / "runs") == 0
    site = tmp_path / "site"
    assert 'href="suite-other-suite.html"' in (site / "leaderboard.html").read_text()
    assert "two" in (site / "suite-other-suite.html").read_text()
    assert [row["run"] for row in json.loads((site / "data/other-suite.json").read_text())["runs"]] == ["two"]
    assert (site / "data/tiny.csv").read_text().count("\n") == 2


def test_building_again_replaces_the_site_and_keeps_what_is_not_its_own(tmp_path: Path) -> None:
    site = tmp_path / "site"
    write_run(tmp_path / "runs/one", 0.5)
    site.mkdir()
    (site / ".git").mkdir()
    assert build(site, tmp_path / "runs") == 0
    (site / "CNAME").write_text("example.org")
    write_run(tmp_path / "others/two", 0.6)
    assert build(site, tmp_path / "others") == 0
    assert [path.name for path in (site / "submissions").iterdir()] == ["two.html"]
    assert (site / ".git").is_dir()
    assert (site / "CNAME").read_text() == "example.org"
    assert not (tmp_path / "site.partial").exists()


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path / "runs/one", 0.5)
    (tmp_path / "home").mkdir()
    (tmp_path / "home/site.json").write_text('{"schema": "e2lm-site/1", "contents": ["../runs"]}')
    (tmp_path / "file").write_text("")
    for folder, expected in (("home", "not empty, and not a site"), ("runs", "not empty"), ("file", "a file")):
        assert build(tmp_path / folder, tmp_path / "runs") == 2
        assert expected in capsys.readouterr().err
    assert (tmp_path / "runs/one/summary.json").is_file()


def test_the_public_site_draws_reports_without_what_organizers_hold_back(
    science_cloze_run: Path, tmp_path: Path
) -> None:
    held, late = "mini-150k-arch1-web", "995 GT"
    assert held in (science_cloze_run / "detailed_results.html").read_text()
    assert build(tmp_path / "public", science_cloze_run) == 0
    assert build(tmp_path / "all", science_cloze_run, "--reveal", "organizer") == 0
    public = "".join(path.read_text() for path in (tmp_path / "public").rglob("*") if path.is_file())
    everything = next((tmp_path / "all/reports").iterdir()).read_text()
    assert late in everything
    assert late not in public
    assert held in everything
    assert f'"{held}"' not in public


def test_a_report_that_shows_too_much_and_cannot_be_drawn_anew_is_not_published(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path / "runs/one", 0.5, reveal="organizer")
    assert build(tmp_path / "site", tmp_path / "runs") == 2
    assert "--reveal organizer" in capsys.readouterr().err
    assert not (tmp_path / "site").exists()
    assert build(tmp_path / "site", tmp_path / "runs", "--reveal", "organizer") == 0


def test_draws_are_packed_as_their_quantiles(tmp_path: Path) -> None:
    run = load_runs([write_run(tmp_path / "one", 0.5, spread=0.1)], {})[0]
    packed = np.frombuffer(base64.b64decode(packed_draws([run], ["score", "sq"])), dtype="<u2").reshape(2, QUANTILES)
    values = packed / LEVELS * SPAN + LOWEST
    np.testing.assert_allclose(values[0], np.linspace(0.4, 0.6, 101)[1::2], atol=2e-3)


def test_a_report_of_one_s_own_machine_is_published_without_its_items(small_run: Path, tmp_path: Path) -> None:
    shutil.copytree(small_run, tmp_path / "runs/mine")
    assert "items-shown" in (small_run / "detailed_results.html").read_text().partition("<script>")[0]
    assert build(tmp_path / "site", tmp_path / "runs", "--reveal", "organizer") == 0
    page = (tmp_path / "site/reports/mine.html").read_text()
    assert 'id="items-shown"' not in page
    assert "The same answers under other metrics" not in page
    assert "What to do next" in page
    assert "../submissions/mine.html" in Tags(page).links
    assert (tmp_path / "site/submissions/mine.html").is_file()
