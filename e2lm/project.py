"""Paths of the files other than Python that the commands need."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
# The folder of input_data, reference_data and starting_kit: the repository, or e2lm/_project within a wheel.
PROJECT_ROOT = _PACKAGE / "_project" if (_PACKAGE / "_project").is_dir() else _PACKAGE.parent
EXAMPLE_SUBMISSIONS = PROJECT_ROOT / "starting_kit/examples"
