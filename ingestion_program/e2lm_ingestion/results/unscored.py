"""Results without scores: a submission that failed after models were asked, and counts nevertheless.

The platform counts no failed submission, so that one could ask the models any number of questions by failing. Ingestion
therefore ends well, with sealed results that say so, and scoring writes the lowest scores.
"""

from __future__ import annotations

import json
from pathlib import Path

from e2lm_ingestion.file_names import JOURNAL, RESULTS
from e2lm_ingestion.results.folder import write_atomically

SCHEMA = "e2lm-unscored/1"


def write_unscored(results: Path, submission: str) -> None:
    """Replace results.json by one that has the submission's digest and no scores; it is to be sealed."""
    content = {"schema": SCHEMA, "submission": {"sha256": submission}}
    write_atomically(results / RESULTS, (json.dumps(content, indent=1) + "\n").encode())
    (results / JOURNAL).touch()
