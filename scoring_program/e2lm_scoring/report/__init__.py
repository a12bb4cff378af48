"""The report of one submission: a single self-contained HTML file."""

from e2lm_scoring.report.failure import render_failure
from e2lm_scoring.report.page import render

__all__ = ["render", "render_failure"]
