"""The report of a run that could not be scored: what is wrong, who has to act, and that no scores were written."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from e2lm_scoring.errors import OrganizerError, SubmissionError
from e2lm_scoring.report.page import FOLDER, environment
from e2lm_scoring.report.palette import custom_properties

LONGEST = 2000  # characters of a message; forged results may carry any amount of text


def render_failure(error: SubmissionError | OrganizerError, competition: str = "") -> str:
    """The page as one HTML document without scripts; text from the results in the message is escaped."""
    message = " ".join(str(error).split())
    page = (
        environment()
        .get_template("failure.html.jinja")
        .render(
            competition=competition,
            message=message if len(message) <= LONGEST else message[:LONGEST] + " …",
            participant_must_act=isinstance(error, SubmissionError),
            style=Markup(custom_properties() + "\n" + Path(FOLDER / "report.css").read_text(encoding="utf-8")),
        )
    )
    return page.encode("utf-8", errors="replace").decode("utf-8")
