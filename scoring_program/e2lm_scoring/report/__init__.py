"""The report of one submission: a single HTML file that needs nothing beside itself."""

from e2lm_scoring.report.failure import render_failure
from e2lm_scoring.report.page import render

__all__ = ["render", "render_failure"]
