"""The total is computed by one function: for the score itself and for every draw of the bootstrap."""

from __future__ import annotations

import numpy as np
import pytest

from e2lm_scoring.inputs.configuration import Configuration
from e2lm_scoring.total import total_and_components
from tests.scoring.tiny_results import SCORING

CONFIGURATION = Configuration.model_validate(SCORING)


def curves(draws: int) -> dict[tuple[str, int], np.ndarray]:
    """Random curves, (draws,) scores at every checkpoint."""
    rng = np.random.default_rng(0)
    return {key: rng.random(draws) for key in CONFIGURATION.needed}


def test_a_score_alone_is_exactly_the_draw_with_the_same_curves() -> None:
    given = curves(20)
    together = total_and_components(given, CONFIGURATION)
    for draw in range(20):
        alone = total_and_components({key: np.asarray(values[draw]) for key, values in given.items()}, CONFIGURATION)
        assert list(alone) == ["score", "sq", "rc", "cs"]
        assert {key: float(value) for key, value in alone.items()} == {
            key: float(values[draw]) for key, values in together.items()
        }


@pytest.mark.parametrize(
    ("without", "left"),
    [(("late", "ranking_groups"), {"sq", "cs"}), (("alignment",), {"sq", "rc"})],
)
def test_a_suite_that_lacks_a_component_has_no_total(without: tuple[str, ...], left: set[str]) -> None:
    configuration = Configuration.model_validate({key: value for key, value in SCORING.items() if key not in without})
    assert set(total_and_components(curves(3), configuration)) == left
