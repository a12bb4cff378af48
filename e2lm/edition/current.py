"""The edition that a command works for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from e2lm.edition.reader import read_edition
from e2lm.edition.schema import Edition
from e2lm.project import EDITION, PROJECT_ROOT, edition_yaml, is_installed
from e2lm_ingestion.errors import OrganizerError


@dataclass(frozen=True, slots=True)
class CurrentEdition:
    """An edition and where it was read."""

    edition: Edition
    path: Path

    def __str__(self) -> str:
        installed = ", of this installation; --edition names another" if is_installed(self.path) else ""
        return f"{self.edition.short_name} {self.edition.year}, {self.path}{installed}"


def find_edition() -> CurrentEdition | None:
    """The edition of --edition, of the working directory or above, or of this installation; None: there is none."""
    path = edition_yaml()
    return CurrentEdition(read_edition(path), path) if path is not None else None


def found_edition() -> CurrentEdition | None:
    """The edition of --edition or of the working directory or above; None: there is only that of the installation."""
    current = find_edition()
    return None if current is None or is_installed(current.path) else current


def current_edition() -> CurrentEdition:
    """The same. Raises OrganizerError where there is none."""
    found = find_edition()
    if found is None:
        raise OrganizerError(
            "no edition.yaml in this folder or above: give --edition FILE, or write one with e2lm edition new FOLDER"
        )
    return found


def competition_name() -> str:
    """The title in the heads of pages; "" where no edition is found or it cannot be read."""
    try:
        found = find_edition()
    except OrganizerError:
        found = None
    return found.edition.title if found else ""


def scored_suite(given: str | None) -> str:
    """The suite of --suite, or else the one on which uploads of the edition are scored."""
    return given or current_edition().edition.suite


def own_edition() -> Edition | None:
    """The edition that this project comes with, whose names must not be in the bundle of another."""
    path = PROJECT_ROOT / EDITION
    return read_edition(path) if path.is_file() else None
