"""What to do where something that a test needs is not on this machine."""

from __future__ import annotations

import importlib.util
import os
from typing import NoReturn

import pytest


def not_tested(what: str) -> NoReturn:
    """Skip by name on a person's machine; fail in continuous integration, which must have everything."""
    message = f"NOT TESTED {what}"
    if os.environ.get("CI"):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def require_package(name: str, what: str) -> None:
    """The package is installed here, or the tests that need it are not run."""
    if importlib.util.find_spec(name) is None:
        not_tested(f"{what}: {name} is not installed (make test installs it)")
