"""Which edition.yaml is read, and how it is named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2lm.edition.current import competition_name, current_edition, find_edition, scored_suite
from e2lm.project import PROJECT_ROOT, choose_edition
from e2lm_ingestion.errors import OrganizerError
from tests.e2lm.codabench.competition_folder import EDITION


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with an edition.yaml, of which the working directory is a subfolder."""
    (tmp_path / "edition.yaml").write_text(EDITION)
    (tmp_path / "work/deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work/deep")
    yield tmp_path
    choose_edition(None)


def test_the_edition_is_that_of_the_working_directory_or_above(folder: Path) -> None:
    assert str(current_edition()) == f"SMALL 2025, {folder}/edition.yaml"
    assert (competition_name(), scored_suite(None), scored_suite("other")) == ("A small competition", "small", "other")


def test_a_named_edition_takes_precedence_and_may_be_a_folder(folder: Path) -> None:
    (folder / "other").mkdir()
    (folder / "other/edition.yaml").write_text(EDITION.replace("SMALL", "OTHER"))
    for named in ("other", "other/edition.yaml"):
        choose_edition(folder / named)
        assert str(current_edition()) == f"OTHER 2025, {folder}/other/edition.yaml"
    with pytest.raises(OrganizerError, match=r"--edition .*nowhere: there is no such file; give an edition\.yaml"):
        choose_edition(folder / "nowhere")


def test_the_edition_of_the_installation_is_named_as_such(folder: Path) -> None:
    (folder / "edition.yaml").unlink()
    said = "of this installation; --edition names another"
    assert str(current_edition()) == f"E2LM 2025, {PROJECT_ROOT}/edition.yaml, {said}"


def test_without_any_edition_the_remedy_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "edition.yaml").unlink()
    monkeypatch.setattr("e2lm.project.PROJECT_ROOT", folder / "installed")
    assert (find_edition(), competition_name()) == (None, "")
    with pytest.raises(OrganizerError, match=r"give --edition FILE, or write one with e2lm edition new FOLDER"):
        scored_suite(None)


def test_a_mistake_in_the_edition_does_not_stop_a_report(folder: Path) -> None:
    (folder / "edition.yaml").write_text("year: [")
    assert competition_name() == ""
