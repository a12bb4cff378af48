"""Finds suites: those of the project by name, any other by its file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from e2lm.project import PROJECT_ROOT
from e2lm_ingestion.errors import OrganizerError

# The suite on which uploads are scored; edition.yaml and input_data/suite.yaml name it too.
COMPETITION_SUITE = "e2lm-2025-full"
_HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class SuiteFiles:
    """The two files that describe a suite."""

    suite: Path  # models and checkpoints, for ingestion
    scoring: Path  # weights, windows and groups, for scoring


SUITES = {
    **{
        name: SuiteFiles(_HERE / name / "suite.yaml", _HERE / name / "scoring.yaml")
        for name in ("miniature", "pythia-small", "e2lm-2025-laptop", "e2lm-2025")
    },
    COMPETITION_SUITE: SuiteFiles(PROJECT_ROOT / "input_data/suite.yaml", PROJECT_ROOT / "reference_data/scoring.yaml"),
}


def find_suite(name: str) -> SuiteFiles:
    """A suite by name, or by the path of a suite.yaml that has a scoring.yaml beside it."""
    if name in SUITES:
        return SUITES[name]
    path = Path(name)
    if path.suffix in {".yaml", ".yml"}:
        files = SuiteFiles(path, path.with_name("scoring.yaml"))
        if not (files.suite.is_file() or files.scoring.is_file()):
            raise OrganizerError(f"{path}: there is no such file; it lists the models and checkpoints of a suite")
        return files
    raise OrganizerError(f"no suite is named {name!r}: choose {', '.join(SUITES)}, or give the path of a suite.yaml")
