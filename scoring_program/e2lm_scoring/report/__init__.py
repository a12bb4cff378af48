"""The report of one submission: a single self-contained HTML file."""

from e2lm_scoring.report.failure import render_failure
from e2lm_scoring.report.page import is_of_own_machine, render

__all__ = ["is_of_own_machine", "render", "render_failure"]
