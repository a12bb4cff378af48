"""The contrast with wrong labels: 0 for what ignores the labels, whatever the numbers of choices and right ones."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from e2lm_ingestion.metrics.builtin import MULTIPLE_CHOICE_METRICS, MetricFormula
from e2lm_ingestion.metrics.contrast import MOST_LABELS, contrast_scores
from e2lm_ingestion.metrics.expression import Columns, parse
from e2lm_ingestion.output_types.generate_until import text_contrasts, text_scores
from e2lm_ingestion.task.task_parts import Metric


def columns_of(loglikelihoods: list[list[float]], gold: list[list[int]]) -> Columns:
    flat = np.concatenate([np.asarray(own, dtype=np.float64) for own in loglikelihoods])
    offsets = np.cumsum([0, *map(len, loglikelihoods)])
    number = np.concatenate([np.arange(len(own)) for own in loglikelihoods])
    right = np.concatenate([np.isin(np.arange(len(own)), g) for own, g in zip(loglikelihoods, gold, strict=True)])
    return Columns(offsets, {"ll": flat, "gold": right, "number": number, "chars": np.ones(len(flat))})


def contrast_of(formula: MetricFormula | str, columns: Columns) -> list[float]:
    found = contrast_scores(MetricFormula(parse(formula)) if isinstance(formula, str) else formula, columns)
    assert found is not None
    values: list[float] = found.tolist()
    return values


ITEMS = columns_of([[-1, -2], [-3, -2, -4], [-1, -5, -2, -3]], [[0], [2], [1]])


@pytest.mark.parametrize("name", ["acc", "correct_prob", "correct_logprob", "logprob_margin", "norm_correct_prob"])
def test_the_contrast_is_the_score_less_the_mean_over_each_wrong_choice(name: str) -> None:
    formula = MULTIPLE_CHOICE_METRICS[name].formula
    assert formula is not None
    expected = []
    for own, right in (([-1.0, -2.0], 0), ([-3.0, -2.0, -4.0], 2), ([-1.0, -5.0, -2.0, -3.0], 1)):
        each = [formula.values(columns_of([own], [[label]])).item() for label in range(len(own))]
        expected.append(each[right] - np.mean([value for label, value in enumerate(each) if label != right]))
    assert contrast_of(formula, ITEMS) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    "expression",
    ["sum(exp(ll))", "max(softmax(ll))", "mean(ll)", "sum(exp(ll)) * sum(number[gold])", "sum(number[gold])"],
)
def test_what_does_not_depend_on_the_right_choice_has_no_contrast(expression: str) -> None:
    assert contrast_of(expression, ITEMS) == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("name", ["f1", "mcc", "weighted_f1"])
def test_a_model_that_always_names_the_same_class_has_no_contrast(name: str) -> None:
    formula = MULTIPLE_CHOICE_METRICS[name].formula
    assert formula is not None
    always_second = columns_of([[-3.0, -1.0]] * 40, [[number % 2] for number in range(40)])
    assert np.mean(contrast_of(formula, always_second)) == pytest.approx(0.0, abs=1e-6)
    knowing = columns_of([[-1.0, -3.0], [-3.0, -1.0]] * 20, [[0], [1]] * 20)
    assert np.mean(contrast_of(formula, knowing)) > 0.5


def test_a_metric_that_no_label_changes_has_no_contrast_over_all_labels() -> None:
    several = [[0.1, 0.2, 0.3, 0.4]]
    total = sum(
        contrast_of("sum(exp(ll)[gold])", columns_of(several, [list(gold)]))[0]
        for gold in {tuple(sorted(order[:2])) for order in permutations(range(4))}
    )
    assert total == pytest.approx(0.0, abs=1e-6)


def test_several_right_choices_are_contrasted_with_as_many() -> None:
    probabilities = np.log([0.4, 0.3, 0.2, 0.1])
    few = columns_of([probabilities.tolist()], [[0, 1]])
    assert contrast_of("sum(exp(ll)[gold])", few) == pytest.approx([0.7 - 0.3], rel=1e-6)
    most = columns_of([probabilities.tolist()], [[0, 1, 2]])  # the wrong one, and two of the three right ones
    assert contrast_of("sum(exp(ll)[gold])", most) == pytest.approx([0.9 - (0.1 + 2 / 3 * 0.9)], rel=1e-6)


def test_an_item_without_a_wrong_choice_has_none() -> None:
    assert contrast_of("sum(ll[gold])", columns_of([[-1, -2], [-1, -2]], [[0, 1], [0]])) == [0.0, 1.0]
    single = columns_of([[-1], [-2]], [[0], [0]])
    assert contrast_scores(MetricFormula(parse("sum(ll[gold])")), single) is None


def test_arithmetic_without_a_result_under_a_wrong_label_is_no_evidence() -> None:
    far = columns_of([[0.0, -2000.0], [0.0, -1.0]], [[0], [0]])
    assert contrast_of("log(sum(exp(ll)[gold]))", far) == [0.0, 1.0]


def test_of_a_hundred_choices_an_evenly_spaced_part_is_marked() -> None:
    own = np.arange(100.0)
    step = 99 / MOST_LABELS
    marked = [own[1 + int(index * step)] for index in range(MOST_LABELS)]
    assert contrast_of("sum(ll[gold])", columns_of([own.tolist()], [[0]])) == pytest.approx([-np.mean(marked)])


def test_the_f1_of_two_choices_is_contrasted_with_the_other_class() -> None:
    formula = MULTIPLE_CHOICE_METRICS["f1"].formula
    assert formula is not None
    rng = np.random.default_rng(0)
    right = rng.integers(0, 2, 10_000)
    guesses = columns_of(rng.normal(size=(10_000, 2)).tolist(), [[int(one)] for one in right])
    sure = columns_of([[-1.0, -2.0] if one == 0 else [-2.0, -1.0] for one in right], [[int(one)] for one in right])
    assert np.mean(contrast_of(formula, guesses)) == pytest.approx(0.0, abs=0.03)
    assert np.mean(contrast_of(formula, sure)) == pytest.approx(1.0)


def test_a_written_answer_is_contrasted_with_the_answers_of_three_other_items() -> None:
    metric = Metric(metric="exact_match")
    references = [[f"answer {number}"] for number in range(40)]
    right = [own[0] for own in references]
    assert text_contrasts(text_scores(right, references, metric), right, references, metric).tolist() == [1.0] * 40
    always = ["yes"] * 40  # a model that says one thing, where it is right as often as for any other item
    same = [["yes"]] * 40
    assert text_contrasts(text_scores(always, same, metric), always, same, metric).tolist() == [0.0] * 40
