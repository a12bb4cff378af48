"""The type of the fixture that opens a report in the browser."""

from __future__ import annotations

from collections.abc import Callable

from selenium import webdriver

Open = Callable[..., webdriver.Chrome]
