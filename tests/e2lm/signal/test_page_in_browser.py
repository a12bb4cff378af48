"""The page of `e2lm signal` in a real browser: filters, order, details, narrow and wide, by keyboard."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from e2lm.signal import load_curves
from e2lm.signal.page import render_signal
from e2lm.signal.rankings import rankings
from e2lm.signal.table import Choice, choose, table_of

LONG = "benchmark_with_a_very_long_name_and_a_<script>alert(1)</script>" * 2


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models on three benchmarks, one with a name that tries to be markup, one of a single model."""
    steps = np.arange(1, 21)
    frames = []
    for model, shift in (("org/model-a", 0.0), ("model-b", -0.02)):
        scores = {"good": 0.25 + steps / 100 + shift, LONG: 0.25 + steps % 3 / 50 + shift, "lower/loss": 3 - steps / 20}
        columns = {"model": model, "step": steps * 1000, "tokens": steps * 2e9, **scores, "good_stderr": 0.01}
        frames.append(pd.DataFrame(columns))
    frames[1] = frames[1].drop(columns=LONG)
    chosen = choose(load_curves(*frames), Choice(groups={"both": ("org/model-a", "model-b")}))
    path = tmp_path_factory.mktemp("page") / "signal.html"
    path.write_text(render_signal(table_of(chosen), chosen.curves, rankings(chosen.curves, chosen.groups)), "utf-8")
    return path


def opened(browser: webdriver.Chrome, page: Path, width: int, *, dark: bool = False) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    browser.get("about:blank")
    browser.get_log("browser")  # type: ignore[no-untyped-call]
    browser.get(page.as_uri())


def shown_panels(browser: webdriver.Chrome) -> list[str]:
    return [one.text for one in browser.find_elements(By.CSS_SELECTOR, "#panels h3") if one.is_displayed()]


def test_it_is_self_contained(page: Path) -> None:
    text = page.read_text()
    assert "http://" not in text
    assert "https://" not in text
    assert "<script>alert" not in text


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_is_wider_than_the_window_and_no_error_is_logged(
    browser: webdriver.Chrome, page: Path, width: int, dark: bool
) -> None:
    opened(browser, page, width, dark=dark)
    browser.execute_script("for (const one of document.querySelectorAll('details')) one.open = true")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    background = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (int(background.split("(")[1].split(",")[0]) < 100) == dark
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]


def test_models_are_hidden_and_benchmarks_are_searched(browser: webdriver.Chrome, page: Path) -> None:
    opened(browser, page, 1440)
    assert len(shown_panels(browser)) == 3
    browser.find_element(By.ID, "show-1").click()  # org/model-a, the only one of the long name
    assert sorted(shown_panels(browser)) == ["good", "lower"]
    rows = [row for row in browser.find_elements(By.CSS_SELECTOR, "#benchmarks tbody tr") if row.is_displayed()]
    assert {row.find_elements(By.TAG_NAME, "td")[1].text for row in rows} == {"model-b"}
    browser.find_element(By.ID, "search").send_keys("low")
    assert shown_panels(browser) == ["lower"]
    assert browser.find_element(By.ID, "count").text == "1 of 3 shown"


def test_table_and_curves_are_sorted(browser: webdriver.Chrome, page: Path) -> None:
    opened(browser, page, 1440)
    button = browser.find_elements(By.CSS_SELECTOR, "#benchmarks th button")[4]
    assert button.text == "SQ"
    for direction in ("descending", "ascending"):
        button.send_keys(Keys.ENTER)
        cells = browser.find_elements(By.CSS_SELECTOR, "#benchmarks tbody td:nth-child(5)")
        values = [float(cell.get_attribute("data-value")) for cell in cells]  # type: ignore[arg-type]
        assert values == sorted(values, reverse=direction == "descending")
    Select(browser.find_element(By.ID, "order")).select_by_visible_text("name")
    assert shown_panels(browser) == sorted(shown_panels(browser))


def test_a_benchmark_is_opened_and_its_values_are_read_by_keyboard(browser: webdriver.Chrome, page: Path) -> None:
    opened(browser, page, 1440)
    article = browser.find_element(By.CSS_SELECTOR, '#panels article[data-name="good"]')
    article.find_element(By.TAG_NAME, "summary").send_keys(Keys.ENTER)
    WebDriverWait(browser, 10).until(lambda _: article.find_elements(By.CSS_SELECTOR, "table.values tbody tr"))
    rows = article.find_elements(By.CSS_SELECTOR, "table.values tbody tr")
    assert len(rows) == 20
    assert rows[0].find_element(By.TAG_NAME, "th").text == "2 GT"
    canvas = article.find_element(By.CSS_SELECTOR, ".canvas")
    canvas.send_keys(Keys.ARROW_RIGHT)
    assert "2 GT" in canvas.find_element(By.CSS_SELECTOR, ".readout").text
    assert "org/model-a" in canvas.find_element(By.CSS_SELECTOR, ".readout").text


def test_a_name_in_the_table_leads_to_its_curve(browser: webdriver.Chrome, page: Path) -> None:
    opened(browser, page, 1440)
    browser.find_element(By.LINK_TEXT, "good").click()
    article = browser.find_element(By.CSS_SELECTOR, '#panels article[data-name="good"]')
    assert article.find_element(By.TAG_NAME, "details").get_attribute("open") is not None
