"""Reads edition.yaml; a mistake is one line with the key and the remedy."""

from __future__ import annotations

from pathlib import Path

from e2lm.edition.schema import Edition
from e2lm_ingestion.organizer_yaml import Remedies, read_model

# Keys that people look for in edition.yaml, and where they are.
INSTEAD = {
    **dict.fromkeys(
        ("weights", "gate", "windows", "early", "late", "min_improvement_z", "min_label_share", "alignment"),
        "it is in the scoring.yaml of the edition's suite, which every run of the suite reads; write it there",
    ),
    "name": "write title",
    "affiliations": "organizers maps each affiliation to its names",
}


def read_edition(path: Path) -> Edition:
    """Read edition.yaml. Raises OrganizerError, one line with the key and the remedy."""
    return read_model(path, Edition, "e2lm edition new FOLDER writes one", Remedies(instead=INSTEAD))
