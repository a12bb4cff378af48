"""The commands with which a worker starts the two programs."""

from __future__ import annotations

import yaml

from tests.e2lm.command_line import PROJECT_ROOT

INGESTION, SCORING = (
    yaml.safe_load((PROJECT_ROOT / program / "metadata.yaml").read_text())["command"]
    for program in ("ingestion_program", "scoring_program")
)
