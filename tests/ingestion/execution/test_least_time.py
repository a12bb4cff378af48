"""What no device can finish is refused before a model is loaded, and nothing else is."""

from __future__ import annotations

import pytest

from e2lm.suites.registry import SUITES
from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.execution.least_time import GPU_PEAK, least_minutes, least_tokens, refuse_what_cannot_end
from e2lm_ingestion.output_types.protocol import Item
from e2lm_ingestion.suite import load_suite

FULL = load_suite(SUITES["e2lm-2025-full"].suite if "e2lm-2025-full" in SUITES else SUITES["e2lm-2025"].suite)


def items(count: int, characters: int, head: int = 0) -> list[Item]:
    return [Item(("x" * characters,), (" a", " b"), ("a", "b"), (0,), head=head) for _ in range(count)]


def test_an_items_own_text_counts_and_examples_do_not() -> None:
    assert least_tokens([items(10, 800)], 2048) == 1000
    assert least_tokens([items(10, 800, head=400), items(5, 80)], 2048) == 550
    assert least_tokens([items(10, 100_000)], 2048) == 20_480


def test_fifteen_thousand_honest_items_fit_a_worker() -> None:
    tokens = least_tokens([items(15_000, 3000, head=2400)], 2048)
    assert least_minutes(FULL, tokens, GPU_PEAK) < 690


def test_what_no_device_finishes_is_refused() -> None:
    with pytest.raises(SubmissionError, match=r"does not fit the time limit: it takes more than .* minutes whatever"):
        refuse_what_cannot_end(FULL, 10**13, 690)
    refuse_what_cannot_end(load_suite(SUITES["miniature"].suite), 10**6, 690)
