"""Opens a report in the browser as a participant would see it."""

from __future__ import annotations

from pathlib import Path

import pytest
from selenium import webdriver

from e2lm_scoring.own_machine import OwnMachine
from e2lm_scoring.report import render
from e2lm_scoring.score_report import ScoreReport
from tests.scoring.report.opening import Open


@pytest.fixture
def open_report(browser: webdriver.Chrome, tmp_path: Path) -> Open:
    def opened(
        score_report: ScoreReport, width: int = 1440, scheme: str = "light", own_machine: OwnMachine | None = None
    ) -> webdriver.Chrome:
        page = tmp_path / "detailed_results.html"
        page.write_text(render(score_report, own_machine), encoding="utf-8")
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.get_log("browser")  # type: ignore[no-untyped-call]
        browser.get(page.as_uri())
        return browser

    return opened
