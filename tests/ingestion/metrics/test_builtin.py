"""Built-in metrics on all items at once, including ties and ratios of sums."""

from __future__ import annotations

import numpy as np
import pytest

from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.metrics.builtin import MetricFormula
from e2lm_ingestion.metrics.expression import Columns, parse
from e2lm_ingestion.task.output_type_rules import RULES, OutputTypeName
from tests.ingestion.metrics.three_items import OFFSETS, THREE, VALUES


def scores(name: str, columns: Columns = THREE, kind: OutputTypeName = "multiple_choice") -> list[float]:
    formula = RULES[kind].metrics[name].formula
    assert formula is not None
    result: list[float] = formula.item_scores(columns).tolist()
    return result


def softmax(*values: float) -> np.ndarray:
    exponentials = np.exp(values)
    share: np.ndarray = exponentials / exponentials.sum()
    return share


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("acc", [1, 0, 0.5]),
        ("acc_norm", [1, 1, 0.5]),  # item 2: -3/4, -2/2, -4/8: the third choice is best per character
        ("acc_bytes", [1, 1, 0.5]),
        ("acc_mutual_info", [1, 1, 1]),  # item 3: -7 + 7 against -7 + 8
        ("exact_match", [1, 0, 0]),
        ("correct_logprob", [-1, -4, -7]),
        ("correct_logprob_per_token", [-1, -2, -7]),
        ("correct_logprob_per_char", [-1, -0.5, -1.4]),
        ("correct_logprob_per_byte", [-0.5, -0.5, -1.4]),
        ("correct_prob", np.exp([-1, -4, -7])),
        ("norm_correct_prob", [softmax(-1, -2)[0], softmax(-3, -2, -4)[2], 0.5]),
        ("norm_correct_prob_per_char", [softmax(-1, -2)[0], softmax(-0.75, -1, -0.5)[2], 0.5]),
        ("logprob_margin", [1, -2, 0]),
        ("logprob_margin_mean", [1, -1.5, 0]),
        ("logprob_margin_mean_per_token", [1, -2 - (-1.5 - 2) / 2, 0]),
        ("margin", [np.exp(-1) - np.exp(-2), np.exp(-4) - np.exp(-2), 0]),
        ("brier_score", [2 * softmax(-1, -2)[1] ** 2, sum((softmax(-3, -2, -4) - [0, 0, 1]) ** 2), 0.5]),
    ],
)
def test_a_named_metric_of_choices(name: str, expected: list[float]) -> None:
    assert scores(name) == pytest.approx(list(expected), rel=1e-6)


def test_several_right_choices_share_their_probability() -> None:
    both = Columns(OFFSETS, {**VALUES, "gold": np.asarray([1, 0, 0, 1, 1, 1, 1])})
    with pytest.raises(SubmissionError, match=r"item 2 .* has no wrong choice"):
        scores("logprob_margin", both)
    assert scores("acc", both) == [1, 1, 1]
    share = softmax(-3, -2, -4)
    assert scores("norm_correct_prob", both) == pytest.approx([softmax(-1, -2)[0], share[1] + share[2], 1])
    assert scores("correct_logprob", both) == [-1, -2, -7]


TEXTS = Columns(
    np.arange(4),
    {
        **{name: values[:3] for name, values in VALUES.items()},
        "ll": np.asarray([-10.0, -30.0, -2.0]),
        "words": np.asarray([4, 9, 1]),
        "bytes": np.asarray([20, 50, 3]),
        "gold": np.ones(3),
    },
)


@pytest.mark.parametrize(
    ("name", "kind", "score"),
    [
        ("word_perplexity", "loglikelihood_rolling", np.exp(42 / 14)),
        ("byte_perplexity", "loglikelihood_rolling", np.exp(42 / 73)),
        ("bits_per_byte", "loglikelihood_rolling", 42 / 73 / np.log(2)),
        ("perplexity", "loglikelihood", np.exp(14)),
        ("acc", "loglikelihood", 1 / 3),
    ],
)
def test_the_mean_of_item_scores_is_the_score_of_the_whole(name: str, kind: OutputTypeName, score: float) -> None:
    assert np.mean(scores(name, TEXTS, kind)) == pytest.approx(score, rel=1e-6)


def test_item_scores_of_a_perplexity_have_the_spread_of_its_resampled_values() -> None:
    draw = np.random.default_rng(0)
    words = draw.integers(20, 60, size=400).astype(float)
    ll = -words * draw.normal(3, 0.3, size=400)
    values = {**{name: np.ones(400) for name in VALUES}, "ll": ll, "words": words}
    items = np.asarray(scores("word_perplexity", Columns(np.arange(401), values), "loglikelihood_rolling"))
    draws = draw.integers(0, 400, size=(2000, 400))
    resampled = np.exp(-ll[draws].sum(1) / words[draws].sum(1))
    assert items.std() / 20 == pytest.approx(resampled.std(), rel=0.08)


def test_f1_counts_the_second_choice_as_positive() -> None:
    # right positive, wrong positive, missed, right negative: precision 1/2, recall 1/2
    values = {
        **{name: np.ones(8) for name in VALUES},
        "ll": np.asarray([-2.0, -1, -2, -1, -1, -2, -1, -2]),
        "gold": np.asarray([0, 1, 1, 0, 0, 1, 1, 0]),
        "number": np.asarray([0, 1] * 4),
    }
    assert np.mean(scores("f1", Columns(np.arange(0, 9, 2), values))) == pytest.approx(0.5)
    nothing = {**values, "ll": np.tile([-1.0, -2.0], 4), "gold": np.tile([1, 0], 4)}
    assert scores("f1", Columns(np.arange(0, 9, 2), nothing)) == [0, 0, 0, 0]


def test_a_score_that_is_not_finite_is_refused_with_its_item() -> None:
    with pytest.raises(SubmissionError, match=r"gives inf for item 0 .* a score must be finite"):
        MetricFormula(parse("exp(1000 + sum(ll))")).item_scores(THREE)
