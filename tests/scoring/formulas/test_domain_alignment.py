"""Domain alignment: the unit does not matter, a lead of the web-only model counts as 0."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2lm_scoring.formulas.domain_alignment import domain_alignment, normalized_pair


def test_the_mean_gap_of_the_normalized_curves_is_the_score() -> None:
    # lo = 1, hi = 5: N(science) = 0, 0.5, 1 and N(web) = 0, 0.25, 0.25; gaps 0, 0.25, 0.75.
    assert domain_alignment([1, 3, 5], [1, 2, 2]) == pytest.approx(1 / 3)


def test_a_web_model_that_leads_gives_zero() -> None:
    assert domain_alignment([1, 2, 3], [2, 3, 4]) == 0.0


def test_constant_curves_give_zero() -> None:
    assert domain_alignment([0.25, 0.25], [0.25, 0.25]) == 0.0


def test_normalized_curves_share_their_scale() -> None:
    science, web = normalized_pair([2.0, 6.0], [4.0, 2.0])
    assert science.tolist() == [0.0, 1.0]
    assert web.tolist() == [0.5, 0.0]


@given(
    pairs=st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=1, max_size=14),
    scale=st.sampled_from([0.01, 7.0]),
    shift=st.sampled_from([-100.0, 0.5]),
)
def test_the_unit_of_a_score_does_not_matter(pairs: list[tuple[int, int]], scale: float, shift: float) -> None:
    science, web = np.asarray(pairs, dtype=float).T
    score = domain_alignment(science, web)
    assert domain_alignment(scale * science + shift, scale * web + shift) == pytest.approx(score, abs=1e-9)
    assert 0.0 <= score <= 1.0


@pytest.mark.parametrize(("science", "web"), [([], []), ([1, 2], [1]), ([1, np.nan], [1, 2])])
def test_curves_that_cannot_be_compared_are_an_error(science: list[float], web: list[float]) -> None:
    with pytest.raises(ValueError, match="alignment needs"):
        domain_alignment(science, web)
