"""Paths of the files other than Python that the commands need."""

from __future__ import annotations

from pathlib import Path

from e2lm_ingestion.errors import OrganizerError

_PACKAGE = Path(__file__).resolve().parent
# The folder of input_data, reference_data and starting_kit: the repository, or e2lm/_project within a wheel.
PROJECT_ROOT = _PACKAGE / "_project" if (_PACKAGE / "_project").is_dir() else _PACKAGE.parent
EXAMPLE_SUBMISSIONS = PROJECT_ROOT / "starting_kit/examples"
EDITION = "edition.yaml"
_chosen: Path | None = None  # by --edition


def choose_edition(path: Path | None) -> None:
    """Let every later `edition_yaml` answer `path`, the value of --edition; None: search again."""
    global _chosen
    if path is not None and path.is_dir():
        path = path / EDITION
    if path is not None and not path.is_file():
        raise OrganizerError(f"--edition {path}: there is no such file; give an edition.yaml, or its folder")
    _chosen = path.resolve() if path is not None else None


def edition_yaml() -> Path | None:
    """The edition.yaml of --edition, else of the working directory or above, else of this installation; None: none."""
    if _chosen is not None:
        return _chosen
    here = Path.cwd()
    own = next((folder / EDITION for folder in (here, *here.parents) if (folder / EDITION).is_file()), None)
    if own is not None:
        return own
    installed = PROJECT_ROOT / EDITION
    return installed if installed.is_file() else None


def is_installed(path: Path) -> bool:
    """Whether an edition.yaml is the one of this installation, found because there was no other."""
    return _chosen is None and path == PROJECT_ROOT / EDITION and PROJECT_ROOT not in (Path.cwd(), *Path.cwd().parents)
