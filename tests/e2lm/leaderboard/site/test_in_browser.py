"""The leaderboard in a real browser: sorting, searching, comparing, keys, widths, colors, and how fast it opens."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from e2lm.cli.main import main
from e2lm.leaderboard.edition_page import Moment, read_home
from e2lm.leaderboard.scored_runs import load_runs, probability
from e2lm.leaderboard.site.pages import home_page
from tests.e2lm.command_line import PROJECT_ROOT
from tests.e2lm.leaderboard.summaries import write_entries, write_run

HOSTILE = "</script><script>alert(1)</script><!--<img src=x onerror=alert(2)>"
SCORES = {"alpha": 0.9, "beta": 0.895, "gamma": 0.7, "delta": 0.69, "noise": 0.2}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five runs, one of them not ranked, and a hostile one in a second suite."""
    folder = tmp_path_factory.mktemp("leaderboard")
    for name, score in SCORES.items():
        out: dict[str, Any] = {"eligible": False, "reasons": ["it does not improve"]} if name == "noise" else {}
        write_run(folder / "runs" / name, score, items=int(1000 * score), **out)
    write_run(folder / "runs/hostile", 0.5, suite="zz", task=HOSTILE)
    write_run(folder / "runs/other", 0.4, suite="zz", task="long-name-without-any-space-" * 9)
    sheets: dict[str, dict[str, Any]] = {
        "gamma": {"team": "Gauss", "student": True, "method": "margins"},
        "hostile": {"team": HOSTILE},
    }
    entries = write_entries(folder / "entries.json", sheets)
    assert main(["leaderboard", str(folder / "runs"), "--entries", str(entries), "-o", str(folder / "site")]) == 0
    return folder / "site"


def open_page(browser: webdriver.Chrome, page: Path, *, width: int = 1440, scheme: str = "light") -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get("about:blank")
    browser.get_log("browser")  # type: ignore[no-untyped-call]
    browser.get(page.as_uri())


def names(browser: webdriver.Chrome) -> list[str]:
    rows = browser.find_elements(By.CSS_SELECTOR, "#board tbody tr")
    return [row.find_element(By.TAG_NAME, "a").text for row in rows if row.is_displayed()]


def head(browser: webdriver.Chrome, text: str) -> webdriver.remote.webelement.WebElement:
    return next(one for one in browser.find_elements(By.CSS_SELECTOR, "#board thead th") if one.text.startswith(text))


def test_columns_sort_by_click_and_by_key_and_say_so(browser: webdriver.Chrome, site: Path) -> None:
    open_page(browser, site / "leaderboard.html")
    assert names(browser) == list(SCORES)
    assert head(browser, "Rank").get_attribute("aria-sort") == "ascending"
    items = head(browser, "Items")
    items.find_element(By.TAG_NAME, "button").click()
    assert (items.get_attribute("aria-sort"), head(browser, "Rank").get_attribute("aria-sort")) == ("descending", None)
    items.find_element(By.TAG_NAME, "button").send_keys(Keys.ENTER)
    assert items.get_attribute("aria-sort") == "ascending"
    assert names(browser) == list(SCORES)[::-1]
    head(browser, "Rank").find_element(By.TAG_NAME, "button").click()
    head(browser, "Rank").find_element(By.TAG_NAME, "button").click()
    assert names(browser) == ["delta", "gamma", "beta", "alpha", "noise"]


def test_rows_are_found_by_team_method_and_ranking(browser: webdriver.Chrome, site: Path) -> None:
    open_page(browser, site / "leaderboard.html")
    search = browser.find_element(By.ID, "search")
    search.send_keys("GAUSS margins")
    assert names(browser) == ["gamma"]
    assert browser.find_element(By.ID, "count").text == "1 of 5 submissions"
    search.clear()
    search.send_keys(Keys.SPACE)
    show = Select(browser.find_element(By.ID, "show"))
    show.select_by_visible_text("not ranked")
    assert names(browser) == ["noise"]
    show.select_by_visible_text("student teams")
    assert names(browser) == ["gamma"]


def test_ties_and_reasons_stand_in_the_table(browser: webdriver.Chrome, site: Path) -> None:
    open_page(browser, site / "leaderboard.html")
    ranks = [cell.text for cell in browser.find_elements(By.CSS_SELECTOR, "#board .rank")]
    assert ranks == ["1=", "1=", "3=", "3=", "–"]
    assert "it does not improve" in browser.find_element(By.ID, "board").text


def test_a_submission_leads_to_its_report_and_to_a_comparison(browser: webdriver.Chrome, site: Path) -> None:
    open_page(browser, site / "leaderboard.html")
    browser.find_element(By.LINK_TEXT, "beta").click()
    assert browser.find_element(By.TAG_NAME, "h1").text == "beta"
    assert "Rank 1, tied" in browser.page_source
    browser.find_element(By.LINK_TEXT, "Compare with another").click()
    assert Select(browser.find_element(By.ID, "one")).first_selected_option.text.startswith("1= beta")
    browser.back()
    browser.find_element(By.LINK_TEXT, "Full report").click()
    assert browser.find_element(By.TAG_NAME, "h1").text == "beta"
    assert browser.title == "report"


def test_any_two_are_compared_as_python_compares_them(browser: webdriver.Chrome, site: Path) -> None:
    runs = {run.identity: run for run in load_runs([site.parent / "runs"], {})}
    for one, other in (("alpha", "beta"), ("delta", "gamma")):
        open_page(browser, site / "compare.html")
        browser.execute_script(f"location.hash = '{one},{other}'")
        Select(browser.find_element(By.ID, "one")).select_by_index(list(SCORES).index(one))
        chance = browser.find_element(By.CSS_SELECTOR, "#rows tr td:last-child").text
        assert float(chance) == pytest.approx(probability(runs[one], runs[other], "score"), abs=0.011)
    Select(browser.find_element(By.ID, "other")).select_by_index(4)
    assert "delta is above noise, beyond noise" in browser.find_element(By.ID, "answer").text
    browser.find_element(By.ID, "swap").send_keys(Keys.SPACE)
    assert browser.find_element(By.ID, "answer").text.startswith("P(A > B) < 0.01. delta is above noise")
    assert browser.current_url.endswith("#noise,delta")
    Select(browser.find_element(By.ID, "other")).select_by_index(4)
    assert browser.find_element(By.ID, "answer").text == "Choose two different submissions."


def test_suites_are_tabs_and_hostile_names_are_text(browser: webdriver.Chrome, site: Path) -> None:
    open_page(browser, site / "leaderboard.html")
    browser.find_element(By.PARTIAL_LINK_TEXT, "zz").click()
    assert HOSTILE in names(browser)
    assert browser.find_element(By.CSS_SELECTOR, "[aria-current=page]").text.startswith("zz")
    browser.find_element(By.LINK_TEXT, "Compare any two").click()
    assert HOSTILE in browser.find_element(By.ID, "one-name").text
    browser.find_element(By.LINK_TEXT, HOSTILE).click()
    assert browser.find_element(By.TAG_NAME, "h1").text == HOSTILE
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("width", [360, 1440])
def test_every_page_fits_and_the_console_is_silent(browser: webdriver.Chrome, site: Path, width: int) -> None:
    for page in sorted(site.rglob("*.html")):
        open_page(browser, page, width=width)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width, page
        assert browser.get_log("browser") == [], page  # type: ignore[no-untyped-call]


def test_on_a_phone_the_table_is_still_a_table_to_a_screen_reader(browser: webdriver.Chrome, site: Path) -> None:
    open_page(browser, site / "leaderboard.html", width=360)
    nodes = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    roles = [node["role"]["value"] for node in nodes if "role" in node and not node.get("ignored")]
    assert roles.count("row") == 6
    assert roles.count("columnheader") == 7
    assert roles.count("rowheader") == 5


def test_the_focus_is_visible(browser: webdriver.Chrome, site: Path) -> None:
    open_page(browser, site / "leaderboard.html")
    for _ in range(3):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        assert browser.switch_to.active_element.value_of_css_property("outline-style") == "solid"


def test_dark_readers_get_a_dark_page(browser: webdriver.Chrome, site: Path) -> None:
    open_page(browser, site / "leaderboard.html", scheme="dark")
    body = browser.find_element(By.TAG_NAME, "body")
    assert body.value_of_css_property("background-color") == "rgba(21, 20, 26, 1)"


def test_without_scripts_the_table_stands_in_order(browser: webdriver.Chrome, site: Path) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        open_page(browser, site / "leaderboard.html")
        assert names(browser) == list(SCORES)
        assert not browser.find_element(By.ID, "controls").is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_five_hundred_submissions_open_within_a_second(browser: webdriver.Chrome, tmp_path: Path) -> None:
    scores = random.Random(0)
    sheets = {}
    for number in range(500):
        name = f"team-{number}"
        write_run(tmp_path / "runs" / name, scores.uniform(0.1, 0.9))
        sheets[name] = {"team": f"Team {number}", "owner": name, "method": "cloze questions of science " * 6}
    entries = write_entries(tmp_path / "entries.json", sheets)
    assert main(["leaderboard", str(tmp_path / "runs"), "--entries", str(entries), "-o", str(tmp_path / "site")]) == 0
    for page in ("leaderboard.html", "compare.html"):
        loads = []
        for width in (1440, 360, 1440):  # the best of three: other tests may have the processor
            open_page(browser, tmp_path / "site" / page, width=width)
            loads.append(browser.execute_script("return performance.getEntriesByType('navigation')[0].loadEventEnd"))
        assert min(loads) < 1000, (page, loads)


CURVE = {"tokens": [4.0, 20.0, 36.0], "scores": [0.25, 0.3, 0.5]}


@pytest.fixture(scope="module")
def full_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs with curves, dates, code and scores on Codabench, and one without any of them."""
    folder = tmp_path_factory.mktemp("full")
    write_run(folder / "runs/old", 0.8, curve=CURVE)
    write_run(folder / "runs/new", 0.6, curve=CURVE, metric="acc_norm")
    write_run(folder / "runs/bare", 0.4)
    sheets: dict[str, dict[str, Any]] = {
        "old": {"created": "2025-09-01T10:00:00Z", "score": 0.81, "code_url": "https://example.org/code"},
        "new": {"created": "2025-10-02T10:00:00Z", "score": 0.55},
        "bare": {"created": "soon", "score": "x"},
    }
    entries = write_entries(folder / "entries.json", sheets)
    assert main(["leaderboard", str(folder / "runs"), "--entries", str(entries), "-o", str(folder / "site")]) == 0
    return folder / "site"


def test_a_view_is_an_address(browser: webdriver.Chrome, full_site: Path) -> None:
    open_page(browser, full_site / "leaderboard.html")
    head(browser, "Submitted").find_element(By.TAG_NAME, "button").click()
    assert names(browser) == ["new", "old", "bare"]
    browser.find_element(By.ID, "search").send_keys("e")
    Select(browser.find_element(By.ID, "metric")).select_by_visible_text("acc")
    assert names(browser) == ["old", "bare"]
    address = browser.current_url
    browser.get("about:blank")
    browser.get(address)
    assert names(browser) == ["old", "bare"]
    assert browser.find_element(By.ID, "search").get_attribute("value") == "e"
    assert head(browser, "Submitted").get_attribute("aria-sort") == "descending"
    browser.get("about:blank")
    browser.get(address.partition("#")[0] + "#sort=99-up&show=zzz&metric=%3Cb%3E")
    assert names(browser) == ["old", "new", "bare"]
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]


def test_an_empty_result_says_so_and_leads_back(browser: webdriver.Chrome, full_site: Path) -> None:
    open_page(browser, full_site / "leaderboard.html")
    browser.find_element(By.ID, "search").send_keys("nothing like this")
    empty = browser.find_element(By.ID, "empty")
    assert empty.text.startswith("No submission matches the search and the filters.")
    assert browser.find_element(By.ID, "count").text == "0 of 3 submissions"
    browser.find_element(By.ID, "clear").send_keys(Keys.ENTER)
    assert not empty.is_displayed()
    assert names(browser) == ["old", "new", "bare"]


def test_curves_dates_code_and_columns_are_shown(browser: webdriver.Chrome, full_site: Path) -> None:
    for width in (390, 1110, 1440):
        open_page(browser, full_site / "leaderboard.html", width=width)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        card, table = (browser.find_element(By.CSS_SELECTOR, one).rect for one in ("section.card", "#board"))
        assert table["x"] + table["width"] <= card["x"] + card["width"], width
    (_, spark) = browser.find_elements(By.CSS_SELECTOR, "svg.spark")
    assert spark.get_attribute("aria-label") == "from 0.25 to 0.5"
    assert browser.find_element(By.LINK_TEXT, "Code").get_attribute("href") == "https://example.org/code"
    terms = [one.text for one in browser.find_elements(By.CSS_SELECTOR, "section[aria-labelledby=columns] dt")]
    assert {"Signal quality", "On Codabench", "Submitted", "Curve"} <= set(terms)
    Select(browser.find_element(By.ID, "show")).select_by_visible_text("with code")
    assert names(browser) == ["old"]
    browser.find_element(By.LINK_TEXT, "old").click()
    assert "On Codabench its score was 0.8100" in browser.find_element(By.TAG_NAME, "main").text
    assert "a difference of -0.0100" in browser.find_element(By.TAG_NAME, "main").text


def test_two_curves_are_drawn_over_each_other(browser: webdriver.Chrome, full_site: Path) -> None:
    open_page(browser, full_site / "compare.html")
    drawn = browser.find_element(By.ID, "curve-one").get_attribute("d")
    assert drawn == "M0.00 38.00L50.00 30.80L100.00 2.00"
    assert "dashed, B: new (acc_norm) from 0.25 to 0.5" in browser.find_element(By.ID, "curves-said").text
    Select(browser.find_element(By.ID, "other")).select_by_index(2)
    assert not browser.find_element(By.ID, "curves").is_displayed()


def test_every_page_leads_home_and_to_the_board(browser: webdriver.Chrome, full_site: Path) -> None:
    for name in ("leaderboard.html", "compare.html", "submissions/old.html"):
        open_page(browser, full_site / name)
        browser.find_element(By.LINK_TEXT, "Leaderboard").click()
        assert browser.find_element(By.TAG_NAME, "h1").text == "Leaderboard"
        browser.find_element(By.LINK_TEXT, "E2LM").click()
        assert browser.find_element(By.TAG_NAME, "h1").text == "Early Training Evaluation of Language Models"
        browser.find_element(By.LINK_TEXT, "Leaderboard").click()


def test_the_phase_of_today_is_marked(browser: webdriver.Chrome, tmp_path: Path) -> None:
    today = date.today()
    home = read_home(PROJECT_ROOT / "edition.yaml")
    spans = [(-30, -10), (-9, 9), (10, 20), (21, 30)]
    phases = tuple(
        Moment(f"Phase {number}", today + timedelta(first), today + timedelta(last))
        for number, (first, last) in enumerate(spans, 1)
    )
    (tmp_path / "index.html").write_text(home_page(replace(home, phases=phases, moments=()), with_board=False))
    for width in (390, 1440):
        open_page(browser, tmp_path / "index.html", width=width)
        (row,) = browser.find_elements(By.CSS_SELECTOR, "[aria-current=date]")
        assert row.text.startswith("Phase 2 now")
        assert len(browser.find_elements(By.CSS_SELECTOR, ".timeline tbody tr")) == 5
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]
