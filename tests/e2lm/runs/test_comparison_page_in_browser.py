"""The page of `e2lm compare` in a real browser: long names on wide screens and on phones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from e2lm.runs.comparison_page import render_comparison
from tests.scoring.report.score_reports import good, noisy

NAMES = ("questions-about-science-in-a-very-long-name-" * 2, "x" * 70, "short")


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """Three runs, two of them under names that no narrow column holds."""
    runs = [(name, replace(one, task=name)) for name, one in zip(NAMES, (good(), noisy(), good()), strict=True)]
    chances = [[None if one is other else 0.5 for other in runs] for one in runs]
    signal_models = [one.model for one in good().signal]
    path = tmp_path / "comparison.html"
    path.write_text(render_comparison(runs, "score", chances, signal_models), encoding="utf-8")
    return path


@pytest.mark.parametrize("width", [360, 390, 800, 1440])
def test_long_names_wrap_in_full_lines_and_leave_the_pictures_their_room(
    browser: webdriver.Chrome, page: Path, width: int
) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get("about:blank")
    browser.get_log("browser")  # type: ignore[no-untyped-call]
    browser.get(page.as_uri())
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    titles = browser.find_elements(By.CSS_SELECTOR, ".runs b")
    assert {title.text for title in titles} == set(NAMES)
    for name in [*titles, *browser.find_elements(By.CSS_SELECTOR, "th bdi")]:
        # a tall column of few letters a line is not readable: a name takes at most the lines of ten letters each
        assert name.size["height"] <= 9 * 26, name.text
    assert all(picture.size["width"] >= 120 for picture in browser.find_elements(By.CSS_SELECTOR, ".runs svg"))
    for value in browser.find_elements(By.CSS_SELECTOR, ".runs span"):
        assert value.size["height"] < 2 * 26, value.text
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]
