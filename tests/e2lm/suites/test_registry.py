"""The suites that come with the program."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2lm.edition.reader import read_edition
from e2lm.project import PROJECT_ROOT
from e2lm.suites.registry import SUITES, find_suite
from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.suite import load_suite
from e2lm_scoring.inputs.configuration import load_configuration
from tests.e2lm.codabench.competition_folder import write_competition

LAST_RELEASED = 54_000


@pytest.mark.parametrize("name", SUITES)
def test_a_suite_holds_every_checkpoint_that_its_scores_need(name: str) -> None:
    suite, scoring = load_suite(SUITES[name].suite), load_configuration(SUITES[name].scoring)
    assert name == suite.suite == scoring.suite
    assert suite.version == scoring.suite_version
    assert set(scoring.needed) <= {(model.id, iteration) for model in suite.models for iteration in model.iterations}


def test_the_released_suite_is_scored_on_what_is_released_of_the_competitions_grid() -> None:
    released, whole = (load_configuration(SUITES[name].scoring) for name in ("e2lm-2025", "e2lm-2025-full"))
    assert released.signal_models == whole.signal_models
    assert released.early.iterations == tuple(i for i in whole.early.iterations if i <= LAST_RELEASED)
    suite = load_suite(SUITES["e2lm-2025"].suite)
    assert {model.iterations for model in suite.models} == {released.early.iterations}


def test_the_edition_names_the_suites_of_the_project() -> None:
    edition = read_edition(PROJECT_ROOT / "edition.yaml")
    assert {edition.suite, edition.released_suite} <= set(SUITES)


def test_a_suite_beside_the_edition_has_its_name_in_every_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_competition(tmp_path)
    (tmp_path / "deep/inside").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep/inside")
    assert find_suite("small").scoring == tmp_path / "scoring.yaml"
    with pytest.raises(OrganizerError, match=r"no suite is named 'smal': did you mean small\?"):
        find_suite("smal")
    monkeypatch.chdir("/")
    with pytest.raises(OrganizerError, match="no suite is named 'small'"):
        find_suite("small")
