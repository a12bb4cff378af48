"""Where the parts of a bundle and of the starting kit come from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from e2lm.edition.current import own_edition
from e2lm.edition.schema import Edition
from e2lm.edition.values import Scored
from e2lm.project import EDITION
from e2lm.suites.registry import SUITES, SuiteFiles, find_suite
from e2lm_ingestion.suite import load_suite
from e2lm_scoring.inputs.configuration import load_configuration


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the parts of a bundle come from: programs and templates of the project, and what the edition has itself.

    A page, logo or competition.yaml in the edition's folder replaces the project's file of the same name.
    """

    root: Path  # of the project
    folder: Path  # of edition.yaml
    scored: Scored
    suite: SuiteFiles
    released: SuiteFiles | None = None

    @property
    def edition_yaml(self) -> Path:
        """The file of the edition."""
        return self.folder / EDITION

    @property
    def is_of_the_project(self) -> bool:
        """Whether the edition is the project's own, whose suites and names its files hold."""
        own = self.root / EDITION
        same = own.is_file() and self.edition_yaml.is_file() and own.read_bytes() == self.edition_yaml.read_bytes()
        return same or self.folder.resolve() == self.root.resolve()

    def path(self, name: str) -> Path:
        """The file of this name: the edition's own, or else the project's."""
        own = self.folder / name
        return own if own.is_file() else self.root / name


def models_of_the_project() -> set[str]:
    """The repositories of the models of the project's own edition, which are those of no other edition's texts."""
    edition = own_edition()
    names = [] if edition is None else [edition.suite, edition.released_suite]
    files = [SUITES[name] for name in names if name in SUITES]
    return {model.source for one in files for model in load_suite(one.suite).models}


def sources(root: Path, folder: Path, edition: Edition, suite: SuiteFiles) -> Sources:
    """Read the suite, its scoring and the released suite of an edition. Raises OrganizerError."""
    released = find_suite(edition.released_suite) if edition.released_suite else None
    scored = Scored(
        edition,
        load_suite(suite.suite),
        load_configuration(suite.scoring),
        load_suite(released.suite) if released is not None else None,
    )
    return Sources(root, folder, scored, suite, released)
