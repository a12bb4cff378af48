"""The warning of a task that does not fit the time limit: what it offers does fit."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from e2lm.submissions.checks.limit import Size, example_tokens, over_limit
from e2lm.suites.registry import find_suite
from e2lm_ingestion.checks.questions import Question
from e2lm_ingestion.forecast.duration import minutes, scaled
from e2lm_ingestion.forecast.hardware import machine
from e2lm_ingestion.forecast.volume import Volume
from e2lm_ingestion.suite import Suite, load_suite

LIMIT = 690.0
# 15,000 items of four choices, each item with five examples of its own: 500 of 700 tokens.
RANDOM = Volume(60_000, 60_000, 42_000_000, 9_120_000, 4.0, "counted")
SIZE = Size(15_000, 5, 500 * 60_000, 500 * 15_000, 0)


@pytest.fixture(scope="module")
def suite() -> Suite:
    return load_suite(find_suite("e2lm-2025-full").suite)


def test_a_task_that_fits_gives_no_warning(suite: Suite) -> None:
    assert over_limit(suite, scaled(RANDOM, 0.01), replace(SIZE, items=150), machine("H100"), LIMIT) == []


def test_a_task_that_does_not_fit_is_told_what_would(suite: Suite) -> None:
    a100 = machine("A100")
    (warning,) = over_limit(suite, RANDOM, SIZE, a100, LIMIT)
    assert warning.kind == "over_time_limit"
    found = re.fullmatch(
        r"does not fit the time limit: the forecast is ([\d,]+) minutes on one A100, and a submission may take 690; "
        r"what would fit: ([\d,]+) items, or (\d) shots?",
        warning.message,
    )
    assert found, warning.message
    forecast, items = (int(text.replace(",", "")) for text in found.groups()[:2])
    assert forecast > LIMIT
    fewer = minutes(suite, scaled(RANDOM, items / 15_000), a100)
    assert fewer is not None
    assert 0.9 * LIMIT < fewer <= LIMIT


def test_fewer_shots_are_not_offered_where_all_items_share_the_examples(suite: Suite) -> None:
    shared = replace(RANDOM, unique_tokens=9_120_000)
    (warning,) = over_limit(suite, shared, replace(SIZE, unique_example_tokens=500), machine("A100"), LIMIT)
    assert "shot" not in warning.message
    assert "num_fewshot" not in warning.message


def test_no_examples_are_offered_where_one_is_too_many(suite: Suite) -> None:
    (warning,) = over_limit(suite, RANDOM, replace(SIZE, shots=1), machine("A100"), LIMIT)
    assert "no examples (num_fewshot: 0)" in warning.message


def test_a_task_whose_models_write_is_told_to_write_less(suite: Suite) -> None:
    writing = replace(RANDOM, requests=15_000, prompts=15_000, tokens=10_500_000, written_tokens=15_000 * 1024)
    size = replace(SIZE, shots=0, max_written_tokens=1024)
    (warning,) = over_limit(suite, writing, size, machine("H100"), LIMIT)
    found = re.search(r"if every text has max_gen_toks tokens, .* items, or max_gen_toks: (\d+)$", warning.message)
    assert found, warning.message
    less = minutes(suite, replace(writing, written_tokens=15_000 * int(found[1])), machine("H100"))
    assert less is not None
    assert 0.9 * LIMIT < less <= LIMIT


def test_where_not_even_the_fewest_items_fit_the_advice_is_general(suite: Suite) -> None:
    (warning,) = over_limit(suite, RANDOM, SIZE, machine("A100"), 5)
    assert warning.message.endswith("may take 5; write fewer items and shorter prompts")


def test_examples_count_once_for_each_request_and_once_where_they_differ() -> None:
    questions = [Question(number, head, "?", ("a", "b"), (0,)) for number, head in enumerate(["x" * 400, "y" * 400])]
    volume = Volume(4, 4, 500, 300, 4.0, "counted")
    assert example_tokens(questions, volume) == (400, 200)
    assert example_tokens([replace(question, head="x" * 400) for question in questions], volume) == (400, 100)
