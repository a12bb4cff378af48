"""Where a curve leaves chance: three checkpoints in a row, beyond sampling error."""

from __future__ import annotations

import numpy as np
import pytest

from e2lm_scoring.formulas.leaves_chance import leaves_chance


def test_three_in_a_row_are_needed() -> None:
    errors = [0.01] * 7
    assert leaves_chance([0.25, 0.3, 0.3, 0.25, 0.3, 0.3, 0.3], errors, 0.25) == 4
    assert leaves_chance([0.25, 0.3, 0.3, 0.25, 0.3, 0.3, 0.25], errors, 0.25) is None
    assert leaves_chance([0.3, 0.3], [0.01] * 2, 0.25) is None


def test_scores_at_chance_seldom_leave_it() -> None:
    rng = np.random.default_rng(0)
    left = [leaves_chance(0.25 + 0.02 * rng.standard_normal(20), [0.02] * 20, 0.25) is not None for _ in range(1000)]
    assert np.mean(left) < 0.02


@pytest.mark.parametrize(
    ("scores", "errors"), [([0.3, np.nan, 0.3], [0.1] * 3), ([0.3] * 3, [0.1, np.inf, 0.1]), ([0.3] * 3, [0.1] * 2)]
)
def test_what_is_no_curve_is_refused(scores: list[float], errors: list[float]) -> None:
    with pytest.raises(ValueError, match="chance"):
        leaves_chance(scores, errors, 0.25)
