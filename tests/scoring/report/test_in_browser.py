"""The report in a real browser: clicks, keys, hover, widths and colors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

from e2lm_scoring.errors import OrganizerError
from e2lm_scoring.own_machine import MetricRow, OwnMachine, ShownItem, ShownItems
from e2lm_scoring.report import render_failure
from e2lm_scoring.score_report import ScoreReport
from tests.scoring.report.opening import Open
from tests.scoring.report.score_reports import good, ineligible, item_table_of, noisy, subset_rows_of


def curve_is_drawn(browser: webdriver.Chrome, slot: int) -> bool:
    series = browser.find_element(By.CSS_SELECTOR, f"#curves .series.slot-{slot}")
    return series.value_of_css_property("display") != "none"


def test_clicking_a_model_in_the_legend_hides_its_curve_and_again_shows_it(open_report: Open) -> None:
    browser = open_report(good())
    key = browser.find_element(By.CSS_SELECTOR, ".key-2")
    assert curve_is_drawn(browser, 2)
    key.click()
    assert not curve_is_drawn(browser, 2)
    assert curve_is_drawn(browser, 1)
    key.click()
    assert curve_is_drawn(browser, 2)


def test_the_space_bar_hides_the_curve_that_has_the_focus(open_report: Open) -> None:
    browser = open_report(good())
    browser.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    while browser.switch_to.active_element.get_attribute("id") != "show-0":  # words, advice and its table come before
        assert browser.switch_to.active_element.tag_name in ("a", "div")
        browser.switch_to.active_element.send_keys(Keys.TAB)
    browser.switch_to.active_element.send_keys(Keys.SPACE)
    assert not curve_is_drawn(browser, 0)


def test_hovering_reads_the_values_of_the_curves_that_are_shown(open_report: Open) -> None:
    score_report = good()
    browser = open_report(score_report)
    browser.find_element(By.CSS_SELECTOR, ".key-1").click()
    canvas = browser.find_element(By.ID, "curves")
    ActionChains(browser).move_to_element_with_offset(canvas, canvas.size["width"] // 2 - 10, 0).perform()
    text = canvas.find_element(By.CLASS_NAME, "readout").text
    assert f"{score_report.curves[0].scores[-1]:.4f}" in text
    assert score_report.curves[0].model in text
    assert score_report.curves[1].model not in text


def test_arrow_keys_read_values_one_checkpoint_at_a_time(open_report: Open) -> None:
    score_report = good()
    canvas = open_report(score_report).find_element(By.ID, "signal-0")
    canvas.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert f"{score_report.curves[0].scores[1]:.4f}" in canvas.find_element(By.CLASS_NAME, "readout").text
    canvas.send_keys(Keys.ESCAPE)
    assert not canvas.find_element(By.CLASS_NAME, "readout").is_displayed()


def with_long_names(score_report: ScoreReport) -> ScoreReport:
    """Every curve under a name of 60 characters without a place to break."""
    curves = [replace(one, model=(one.model.replace("-", "") + "x" * 60)[:60]) for one in score_report.curves]
    return replace(score_report, curves=tuple(curves), signal=(), ranking=(), alignment=None)


def read_at_the_edge(browser: webdriver.Chrome, width: int, height: int, share: float) -> WebElement:
    """The readout while the lower end of the curves is at the lower end of a window of this size."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    canvas = browser.find_element(By.ID, "curves")
    browser.execute_script("arguments[0].scrollIntoView({block: 'end'})", canvas)
    middle = canvas.size["width"] / 2
    ActionChains(browser).move_to_element_with_offset(canvas, int((2 * share - 1) * (middle - 2)), 0).perform()
    return canvas.find_element(By.CLASS_NAME, "readout")


def is_in_the_window(browser: webdriver.Chrome, readout: WebElement) -> bool:
    inside: bool = browser.execute_script(
        "const box = arguments[0].getBoundingClientRect(), page = document.documentElement;"
        "return box.left >= 0 && box.top >= 0 && box.right <= page.clientWidth && box.bottom <= window.innerHeight;",
        readout,
    )
    return inside


@pytest.mark.parametrize(("width", "height"), [(360, 640), (1440, 900)])
@pytest.mark.parametrize("share", [0.0, 0.45, 1.0])
def test_the_readout_is_in_the_window_with_names_in_full_lines(
    open_report: Open, width: int, height: int, share: float
) -> None:
    score_report = with_long_names(good())
    browser = open_report(score_report, width=width)
    readout = read_at_the_edge(browser, width, height, share)
    names = readout.find_elements(By.TAG_NAME, "bdi")
    assert {name.text for name in names} >= {curve.model for curve in score_report.curves[:-1]}
    assert all(name.size["height"] < 3 * 20 for name in names)  # two lines of 19 pixels
    assert all(value.size["height"] < 2 * 20 for value in readout.find_elements(By.TAG_NAME, "b"))
    assert is_in_the_window(browser, readout)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    browser.execute_script("window.scrollBy(0, -120)")
    WebDriverWait(browser, 5).until(lambda chrome: is_in_the_window(chrome, readout))


def test_hovering_in_a_low_window_reads_the_highest_values_and_counts_the_rest(open_report: Open) -> None:
    score_report = with_long_names(good())
    browser = open_report(score_report, width=360)
    readout = read_at_the_edge(browser, 360, 320, 1.0)
    rows = readout.find_elements(By.TAG_NAME, "p")
    assert score_report.curves[4].model in rows[0].text
    assert f"and {6 - len(rows)} more" in readout.text
    assert is_in_the_window(browser, readout)


@pytest.mark.parametrize("width", [360, 1440])
def test_nothing_overflows_and_the_console_is_silent(open_report: Open, width: int) -> None:
    long = replace(noisy(), task="a-very-long-task-name-without-any-space-" * 5, metric="m" * 90)
    for score_report in (good(), good("participant"), ineligible("organizer"), long):
        browser = open_report(score_report, width=width)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]


def test_dark_readers_get_a_dark_page(open_report: Open) -> None:
    def background(scheme: str) -> str:
        body = open_report(good(), scheme=scheme).find_element(By.TAG_NAME, "body")
        return body.value_of_css_property("background-color")

    assert background("light") == "rgba(247, 246, 242, 1)"
    assert background("dark") == "rgba(21, 20, 26, 1)"


def test_script_tags_in_a_task_name_show_as_text(open_report: Open) -> None:
    attack = "</script><script>document.title='owned'</script>"
    score_report = good()
    curves = (replace(score_report.curves[0], model=attack), *score_report.curves[1:])
    browser = open_report(replace(score_report, task=attack, curves=curves))
    assert browser.find_element(By.TAG_NAME, "h1").text == attack
    assert browser.find_element(By.CSS_SELECTOR, ".key-0").text == attack
    assert browser.title != "owned"
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]


def test_it_works_in_an_iframe_that_allows_scripts_but_no_storage(open_report: Open, tmp_path: Path) -> None:
    browser = open_report(good())
    frame = tmp_path / "frame.html"
    frame.write_text('<iframe sandbox="allow-scripts" src="detailed_results.html" width=900 height=800></iframe>')
    browser.get(frame.as_uri())
    browser.switch_to.frame(0)
    canvas = browser.find_element(By.ID, "signal-0")
    canvas.send_keys(Keys.ARROW_RIGHT)
    assert canvas.find_element(By.CLASS_NAME, "readout").is_displayed()


def test_without_scripts_curves_are_drawn_and_the_legend_still_works(open_report: Open) -> None:
    browser = open_report(good())
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.refresh()
        assert browser.find_element(By.CSS_SELECTOR, "#curves .slot-0 .line").size["width"] > 300
        browser.find_element(By.CSS_SELECTOR, ".key-0").click()
        assert not browser.find_element(By.CSS_SELECTOR, "#curves .slot-0 .line").is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def rows_of(browser: webdriver.Chrome) -> list[str]:
    return [row.text for row in browser.find_elements(By.CSS_SELECTOR, "#items-rows tr")]


def test_items_are_found_by_number_kind_and_subset(open_report: Open) -> None:
    table = item_table_of(1200, ("biology", "physics"))
    browser = open_report(replace(good(), table=table, subsets=subset_rows_of(table)))
    search = browser.find_element(By.ID, "items-search")
    assert len(rows_of(browser)) == 50
    search.send_keys("40-42")
    assert sorted(row.split()[0] for row in rows_of(browser)) == ["40", "41", "42"]
    search.clear()
    search.send_keys("PHYS")
    assert all(" physics " in row for row in rows_of(browser))
    search.clear()
    Select(browser.find_element(By.ID, "items-kind")).select_by_visible_text("ceiling")
    assert all(" ceiling " in row for row in rows_of(browser))
    assert "200 items" in browser.find_element(By.ID, "items-count").text
    search.send_keys("no such item")
    assert rows_of(browser) == []
    assert "0 items" in browser.find_element(By.ID, "items-count").text
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]


def test_items_are_ordered_and_more_of_them_shown_on_request(open_report: Open) -> None:
    browser = open_report(good())
    order = Select(browser.find_element(By.ID, "items-order"))
    order.select_by_value("item")
    assert rows_of(browser)[0].startswith("0 ")
    browser.find_element(By.ID, "items-more").click()
    assert rows_of(browser)[99].startswith("99 ")
    order.select_by_value("trend down")
    assert len(rows_of(browser)) == 50
    assert rows_of(browser)[0].startswith("0 rising")


def own_machine() -> OwnMachine:
    """Another metric, and items of which one has an odd text."""
    metrics = tuple(MetricRow(name, (), name == "acc", 0.5, 0.6, 0.7, 9.0, 1.0, True) for name in ("acc", "acc_norm"))
    text = "<b>Which</b> planet?\n" + "long-" * 200
    items = tuple(
        ShownItem(number, text, ("Mars", "Venus" * 60), (1,), ((0, 1),) * 3, (), (0.0, 1.0)) for number in range(1200)
    )
    return OwnMachine(
        metrics, ShownItems(("dense-500m-arch1", "dense-1b-arch1", "dense-3b-arch1"), (4.2, 10.1), items, 1200)
    )


@pytest.mark.parametrize("width", [390, 1440])
def test_an_item_opens_with_its_text_and_what_each_model_preferred(open_report: Open, width: int) -> None:
    browser = open_report(good(), width, own_machine=own_machine())
    Select(browser.find_element(By.ID, "items-order")).select_by_value("item")
    browser.find_element(By.CSS_SELECTOR, "#items-rows .open").send_keys(Keys.ENTER)
    shown = browser.find_element(By.CSS_SELECTOR, "#items-rows .item")
    assert "<b>Which</b> planet?" in shown.text
    assert "✓ right" in shown.find_elements(By.TAG_NAME, "li")[1].text
    rows = shown.find_elements(By.CSS_SELECTOR, ".item tbody tr")
    assert [cell.text for cell in rows[1].find_elements(By.CSS_SELECTOR, "th, td")] == ["dense-1b-arch1", "1", "2 ✓"]
    assert shown.find_element(By.TAG_NAME, "path").size["width"] > 100
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    browser.find_element(By.CSS_SELECTOR, "#items-rows .open").send_keys(Keys.ENTER)
    assert browser.find_elements(By.CSS_SELECTOR, "#items-rows .item") == []
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]


def test_every_word_of_the_report_leads_to_its_definition(open_report: Open) -> None:
    browser = open_report(good(), own_machine=own_machine())
    links = {str(link.get_attribute("href")).partition("#")[2] for link in browser.find_elements(By.TAG_NAME, "a")}
    assert {"word-score", "word-sq", "word-rc", "word-cs", "word-gt", "word-arch", "word-standard-error"} <= links
    assert {"word-rise", "word-trend", "word-signal-model"} <= links
    missing = [link for link in links if not browser.find_elements(By.ID, link)]
    assert missing == []


@pytest.mark.parametrize("width", [360, 1440])
def test_a_failed_run_has_a_page_that_fits(browser: webdriver.Chrome, tmp_path: Path, width: int) -> None:
    page = tmp_path / "failed.html"
    page.write_text(render_failure(OrganizerError("results.json: " + "unbroken-" * 60)), encoding="utf-8")
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(page.as_uri())
    assert browser.find_element(By.ID, "message").text.startswith("results.json: unbroken")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]
