"""The item bootstrap: the same formulas as the scores, known standard errors, honest intervals."""

from __future__ import annotations

import numpy as np
import pytest

from e2lm_scoring.formulas.domain_alignment import domain_alignment
from e2lm_scoring.formulas.ranking_consistency import ranking_consistency
from e2lm_scoring.formulas.signal_quality import signal_quality
from e2lm_scoring.formulas.strata import strata_of
from e2lm_scoring.inputs.configuration import Configuration
from e2lm_scoring.uncertainty import band, bootstrap, interval, item_counts, probability_greater, resampled_means
from tests.scoring.tiny_results import EARLY, LATE, SCORING

ITEMS = 150
PLANS = {"each": SCORING, "final": {**SCORING, "ranking_reference": "final"}}
PLANS["without late and web"] = {key: SCORING[key] for key in ("suite", "suite_version", "early", "signal_models")}


def answers(configuration: Configuration, *, levels: int = 2, items: int = ITEMS) -> dict[tuple[str, int], np.ndarray]:
    """Item scores that rise with training; few items and levels, so that curves of draws are full of ties."""
    rng = np.random.default_rng(3)
    return {
        (model, iteration): (rng.integers(0, levels, items) * (rng.random(items) < 0.2 + 0.03 * iteration)).astype(
            np.float32
        )
        for model, iteration in configuration.needed
    }


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("items", [7, ITEMS])
def test_every_draw_has_exactly_the_score_that_its_curves_have_alone(plan: str, items: int) -> None:
    configuration = Configuration.model_validate(PLANS[plan])
    drawn = bootstrap(answers(configuration, items=items), configuration, draws=60)
    weights = configuration.weights
    for draw in range(60):

        def window(model: str, iterations: range, draw: int = draw) -> list[float]:
            return [float(drawn.curves[(model, iteration)][draw]) for iteration in iterations]

        sq = signal_quality(window("small-a", EARLY)).sq
        assert drawn.scores["sq"][draw] == sq
        if plan == "without late and web":
            assert set(drawn.scores) == {"sq"}
            continue
        group = ("small-a", "small-b")
        rc = ranking_consistency(
            [window(model, EARLY) for model in group],
            [window(model, LATE) for model in group],
            reference=configuration.ranking_reference,
        )
        cs = domain_alignment(window("small-a", EARLY), window("small-a-web", EARLY))
        assert drawn.scores["rc"][draw] == rc
        assert drawn.scores["cs"][draw] == cs
        total = weights.signal_quality * sq + weights.ranking_consistency * rc + weights.domain_alignment * cs
        assert drawn.scores["score"][draw] == total


def test_a_draw_is_the_same_for_every_checkpoint() -> None:
    scores = np.random.default_rng(0).random((50, 1)).repeat(3, axis=1)
    means = resampled_means(scores, draws=20)
    assert np.array_equal(means[:, 0], means[:, 1])
    assert len(np.unique(means[:, 0])) == 20


def test_a_seed_fixes_the_draws() -> None:
    scores = np.random.default_rng(0).random((50, 2))
    assert np.array_equal(resampled_means(scores, draws=70), resampled_means(scores, draws=70))
    assert not np.array_equal(resampled_means(scores, draws=70), resampled_means(scores, draws=70, seed=1))


def test_subsets_keep_their_size_in_every_draw() -> None:
    counts = np.concatenate(list(item_counts(strata_of(40, (10, 12, 18)), draws=120, seed=0)))
    assert counts.shape == (120, 40)
    for part, size in ((counts[:, :10], 10), (counts[:, 10:22], 12), (counts[:, 22:], 18)):
        assert (part.sum(axis=1) == size).all()
    with pytest.raises(ValueError, match="29 items, the task 30"):
        strata_of(30, (29,))


def test_a_difference_between_subsets_is_no_uncertainty() -> None:
    scores = np.repeat([[0.0], [1.0]], 40, axis=0)
    assert np.ptp(resampled_means(scores, strata=strata_of(80, (40, 40)), draws=50)) == 0.0
    assert np.ptp(resampled_means(scores, draws=50)) > 0.0


def test_the_standard_error_of_a_mean_is_the_analytic_one() -> None:
    scores = np.random.default_rng(1).normal(size=(400, 3)) * [1.0, 2.0, 0.1]
    analytic = scores.std(axis=0) / np.sqrt(400)
    assert resampled_means(scores, draws=4000).std(axis=0) == pytest.approx(analytic, rel=0.05)


def test_the_standard_error_of_the_alignment_is_the_delta_methods() -> None:
    # lo and hi stay at the same checkpoints in every draw: CS is a ratio of means, whose first-order error is known.
    rng = np.random.default_rng(2)
    configuration = Configuration.model_validate(SCORING)
    rise = {"small-a": 0.1, "small-b": 0.1, "small-a-web": 0.02}
    scores = {
        (model, step): (rng.normal(rise[model] * step, 0.3, 2000)).astype(np.float32)
        for model, step in configuration.needed
    }
    science = np.stack([scores[("small-a", step)] for step in EARLY]).astype(np.float64)
    web = np.stack([scores[("small-a-web", step)] for step in EARLY]).astype(np.float64)
    span = science[-1] - web[0]
    assert (science.mean(axis=1).argmax(), web.mean(axis=1).argmin()) == (7, 0)
    cs = float(np.mean(science - web) / np.mean(span))
    influence = ((science - web).mean(axis=0) - cs * span) / span.mean()
    drawn = bootstrap(scores, configuration, draws=3000).scores["cs"]
    assert drawn.std() == pytest.approx(influence.std() / np.sqrt(2000), rel=0.05)


def test_an_interval_holds_the_score_and_stays_within_its_range() -> None:
    rng = np.random.default_rng(0)
    for estimate, draws in ((0.97, rng.normal(0.9, 0.03, 500)), (0.0, np.abs(rng.normal(0, 0.02, 500)))):
        found = interval(estimate, draws)
        assert 0.0 <= found.low <= estimate <= found.high <= 1.0
        assert found.low <= np.percentile(draws, 2.5) + 1e-9


def test_without_any_spread_the_interval_is_the_score() -> None:
    found = interval(1.0, np.ones(100))
    assert (found.low, found.high, found.error) == (1.0, 1.0, 0.0)


def test_the_probability_of_one_run_and_of_the_other_add_up_to_one() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(0.5, 0.1, 400), np.round(rng.normal(0.45, 0.1, 300), 2)
    forth = probability_greater(0.52, one, 0.45, other)
    assert forth + probability_greater(0.45, other, 0.52, one) == pytest.approx(1.0)
    assert 0.5 < forth < 1.0


def test_the_probability_of_normal_scores_is_the_analytic_one() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(0.5, 0.03, 4000), rng.normal(0.45, 0.04, 4000)
    # the difference has mean 0.05 and standard deviation 0.05: Phi(1)
    assert probability_greater(one.mean(), one, other.mean(), other) == pytest.approx(0.8413, abs=0.015)


def test_the_same_items_are_compared_draw_by_draw() -> None:
    draws = np.random.default_rng(0).normal(0.5, 0.1, 500)
    assert probability_greater(0.5, draws, 0.499, draws - 0.001, paired=True) > 0.99
    assert probability_greater(0.5, draws, 0.499, draws - 0.001) < 0.6


def test_bands_hold_95_percent_of_the_draws() -> None:
    low, high = band(np.arange(1001.0)[:, None] * [1.0, 2.0])
    assert low.tolist() == [25.0, 50.0]
    assert high.tolist() == [975.0, 1950.0]
