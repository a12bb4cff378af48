"""What tests of several rooms need of this machine, and the markers of the tests that need it.

Threads that wait do not spin, here or in what tests start.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from e2lm.suites.fetch import fetch
from tests import two_processes
from tests.not_tested import not_tested, require_package

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# By the fixture that brings it, so that no test can forget its marker.
MARKERS = {
    "miniature": "slow",
    "vllm": "vllm",
    "lm_eval": "lm_eval",
    "ray": "ray",
    "browser": "browser",
    "image": "docker",
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark each test with what it needs, as the fixtures that it uses say."""
    for item in items:
        for fixture in MARKERS.keys() & set(getattr(item, "fixturenames", ())):
            item.add_marker(MARKERS[fixture])
    if two_processes.is_divided(config):
        two_processes.long_ones_first(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Which process runs which tests."""
    return two_processes.scheduler(config, log)


@pytest.fixture(scope="session")
def miniature() -> Path:
    """The folder that holds the miniature suite's checkpoints; trains them once per machine."""
    return fetch("miniature")


@pytest.fixture(scope="session")
def vllm() -> None:
    """The engine of the competition is installed."""
    require_package("vllm", "the engine of the competition")


@pytest.fixture(scope="session")
def lm_eval() -> None:
    """The harness that tasks are compared with, and imported from, is installed."""
    require_package("lm_eval", "agreement with lm-evaluation-harness, and imports from it")


@pytest.fixture(scope="session")
def ray() -> None:
    """Ray, for sweeps over many machines, is installed."""
    require_package("ray", "sweeps on Ray")


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """A headless Chromium with a fresh profile, driven over WebDriver."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        not_tested("in a browser: chromium and chromedriver are missing (apt install chromium chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    profile: Path = tmp_path_factory.mktemp("chromium-profile")
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = webdriver.Chrome(options=options, service=Service(driver))
    yield chrome
    chrome.quit()
