"""Finds suites: those beside edition.yaml and those of the project by name, any other by its file."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from e2lm.project import PROJECT_ROOT, edition_yaml
from e2lm_ingestion.errors import OrganizerError

_HERE = Path(__file__).resolve().parent
_PLACES = ("suite.yaml", "*/suite.yaml", "suites/*/suite.yaml")  # of an edition's suites, from its folder


@dataclass(frozen=True, slots=True)
class SuiteFiles:
    """The two files that describe a suite."""

    suite: Path  # models and checkpoints, for ingestion
    scoring: Path  # weights, windows and groups, for scoring


def _in_this_project() -> Iterator[tuple[str, SuiteFiles]]:
    for name in ("miniature", "pythia-small", "e2lm-2025-laptop", "e2lm-2025"):
        yield name, SuiteFiles(_HERE / name / "suite.yaml", _HERE / name / "scoring.yaml")
    competition = SuiteFiles(PROJECT_ROOT / "input_data/suite.yaml", PROJECT_ROOT / "reference_data/scoring.yaml")
    if competition.suite.is_file():
        yield _name_in(competition.suite), competition


def _name_in(path: Path) -> str:
    """The `suite:` of a suite.yaml, without reading the rest; "" where it has none."""
    try:
        found = re.search(r"^suite:\s*[\"']?([^\s\"'#]+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    except (OSError, UnicodeDecodeError):
        return ""
    return found[1] if found else ""


# The starting kit of another edition has none of the 2025 suites.
SUITES = {name: files for name, files in _in_this_project() if files.suite.is_file()}


def suites() -> dict[str, SuiteFiles]:
    """Every suite that has a name: those beside edition.yaml, then those of the project."""
    own = _beside_the_edition()
    return own | {name: files for name, files in SUITES.items() if name not in own}


def find_suite(name: str) -> SuiteFiles:
    """A suite by name, or by the path of a suite.yaml that has a scoring.yaml beside it."""
    known = suites()
    if name in known:
        return known[name]
    path = Path(name)
    if path.suffix in {".yaml", ".yml"}:
        files = SuiteFiles(path, path.with_name("scoring.yaml"))
        if not (files.suite.is_file() or files.scoring.is_file()):
            raise OrganizerError(f"{path}: there is no such file; it lists the models and checkpoints of a suite")
        return files
    close = difflib.get_close_matches(name, known, n=1)
    meant = f"did you mean {close[0]}? Choose" if close else "choose"
    raise OrganizerError(f"no suite is named {name!r}: {meant} {', '.join(known)}, or give the path of a suite.yaml")


def _beside_the_edition() -> dict[str, SuiteFiles]:
    """The suites in the folder of edition.yaml, or a folder in it: a suite.yaml with a scoring.yaml beside it."""
    edition = edition_yaml()
    if edition is None:
        return {}
    paths = [path for place in _PLACES for path in sorted(edition.parent.glob(place))]
    complete = [path for path in paths if path.with_name("scoring.yaml").is_file()]
    return {_name_in(path): SuiteFiles(path, path.with_name("scoring.yaml")) for path in complete if _name_in(path)}
