"""The suites that come with the program."""

from __future__ import annotations

import pytest

from e2lm.codabench.edition import read_edition
from e2lm.project import PROJECT_ROOT
from e2lm.suites.registry import COMPETITION_SUITE, SUITES
from e2lm_ingestion.suite import load_suite
from e2lm_scoring.inputs.configuration import load_configuration

LAST_RELEASED = 54_000


@pytest.mark.parametrize("name", SUITES)
def test_a_suite_holds_every_checkpoint_that_its_scores_need(name: str) -> None:
    suite, scoring = load_suite(SUITES[name].suite), load_configuration(SUITES[name].scoring)
    assert name == suite.suite == scoring.suite
    assert suite.version == scoring.suite_version
    assert set(scoring.needed) <= {(model.id, iteration) for model in suite.models for iteration in model.iterations}


def test_the_released_suite_is_scored_on_what_is_released_of_the_competitions_grid() -> None:
    released, whole = (load_configuration(SUITES[name].scoring) for name in ("e2lm-2025", COMPETITION_SUITE))
    assert released.signal_models == whole.signal_models
    assert released.early.iterations == tuple(i for i in whole.early.iterations if i <= LAST_RELEASED)
    suite = load_suite(SUITES["e2lm-2025"].suite)
    assert {model.iterations for model in suite.models} == {released.early.iterations}


def test_one_name_says_which_suite_the_competition_is_scored_on() -> None:
    assert read_edition(PROJECT_ROOT / "edition.yaml").suite == COMPETITION_SUITE
    assert load_suite(SUITES[COMPETITION_SUITE].suite).suite == COMPETITION_SUITE
    spelled = [path.name for path in (PROJECT_ROOT / "e2lm").rglob("*.py") if COMPETITION_SUITE in path.read_text()]
    assert spelled == ["registry.py"]
