"""Prompts in waves with a simulated block cache: every value is computed, and no shared block twice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from e2lm_ingestion.engines.requests import Requests
from e2lm_ingestion.engines.waves import Prompt, plan_waves, prompts_of

BLOCK = 4
UNLIMITED = 10**6
Pairs = list[tuple[list[int], list[int]]]


def requests_of(pairs: Pairs) -> Requests:
    sequences = [context + continuation for context, continuation in pairs]
    tokens = np.asarray([token for sequence in sequences for token in sequence], dtype=np.int32)
    return Requests(tokens, np.cumsum([0, *map(len, sequences)]), np.asarray([len(context) for context, _ in pairs]))


def run(prompts: list[Prompt], waves: list[list[int]]) -> tuple[list[int], int]:
    """The cached length of each prompt and the number of tokens computed, with a block cache like vLLM's."""
    cache: set[tuple[int, ...]] = set()
    cached = [0] * len(prompts)
    for wave in waves:
        for number in wave:
            tokens = prompts[number].tokens
            while cached[number] + BLOCK < len(tokens) and tuple(tokens[: cached[number] + BLOCK]) in cache:
                cached[number] += BLOCK
        for number in wave:
            tokens = prompts[number].tokens
            cache.update(tuple(tokens[:end]) for end in range(BLOCK, len(tokens) + 1, BLOCK))
    return cached, sum(len(prompt.tokens) for prompt in prompts) - sum(cached)


tokens = st.lists(st.integers(0, 1), min_size=1, max_size=14)
pairs_of_tokens = st.lists(st.tuples(tokens, tokens), min_size=1, max_size=12)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(pairs=pairs_of_tokens, max_last_tokens=st.integers(1, 2))
def test_every_token_of_a_continuation_is_predicted_once_from_a_computed_position(
    pairs: Pairs, max_last_tokens: int
) -> None:
    prompts = prompts_of(requests_of(pairs), BLOCK, max_last_tokens)
    waves = plan_waves(prompts, BLOCK, UNLIMITED)
    cached, _ = run(prompts, waves)
    predicted: dict[int, list[tuple[tuple[int, ...], int]]] = {number: [] for number in range(len(pairs))}
    for prompt, from_cache in zip(prompts, cached, strict=True):
        assert len(set(prompt.last_tokens)) <= max_last_tokens
        assert prompt.start - 1 >= from_cache or prompt.start == len(prompt.tokens)
        for request, last in zip(prompt.requests, prompt.last_tokens, strict=True):
            followed = [*prompt.tokens, last]
            predicted[request] += [(tuple(followed[:n]), followed[n]) for n in range(prompt.start, len(followed))]
    for number, (context, continuation) in enumerate(pairs):
        sequence = context + continuation
        expected = [(tuple(sequence[:n]), sequence[n]) for n in range(len(context), len(sequence))]
        assert sorted(predicted[number]) == sorted(expected)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(pairs=pairs_of_tokens, capacity=st.integers(4, 40))
def test_every_prompt_runs_once_whatever_the_cache_holds(pairs: Pairs, capacity: int) -> None:
    prompts = prompts_of(requests_of(pairs), BLOCK, 128)
    waves = plan_waves(prompts, BLOCK, capacity)
    assert sorted(number for wave in waves for number in wave) == list(range(len(prompts)))


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(pairs=pairs_of_tokens)
def test_no_whole_block_is_computed_twice(pairs: Pairs) -> None:
    prompts = prompts_of(requests_of(pairs), BLOCK, 128)
    cached, _ = run(prompts, plan_waves(prompts, BLOCK, UNLIMITED))
    computed = [
        tuple(prompt.tokens[:end])
        for prompt, from_cache in zip(prompts, cached, strict=True)
        for end in range(from_cache + BLOCK, len(prompt.tokens), BLOCK)
    ]
    assert len(computed) == len(set(computed))


def test_the_head_runs_first_then_each_question_then_its_choices() -> None:
    head = [9] * 3 * BLOCK
    pairs: Pairs = [(head + [question] * (BLOCK + 1), [choice, 7]) for question in range(3) for choice in range(4)]
    prompts = prompts_of(requests_of(pairs), BLOCK, 128)
    # The first prompt computes the head and the first question, so that question's choices run in the next wave.
    assert [len(wave) for wave in plan_waves(prompts, BLOCK, UNLIMITED)] == [1, 2 + 3, 6]


def test_single_token_choices_are_one_prompt_a_question() -> None:
    pairs: Pairs = [([9, 9, question], [choice]) for question in range(5) for choice in range(4)]
    prompts = prompts_of(requests_of(pairs), BLOCK, 128)
    assert [prompt.last_tokens for prompt in prompts] == [(0, 1, 2, 3)] * 5


@pytest.mark.parametrize("rest", range(BLOCK))
def test_a_context_that_fills_its_blocks_costs_no_more_than_one_that_does_not(rest: int) -> None:
    context = list(range(8 * BLOCK + rest))
    prompts = prompts_of(requests_of([(context, [100 + choice, 7]) for choice in range(4)]), BLOCK, 128)
    _, computed = run(prompts, plan_waves(prompts, BLOCK, UNLIMITED))
    assert computed <= len(context) + 1 + 3 * (rest + 1) + 1


def test_a_small_cache_takes_few_questions_at_a_time() -> None:
    head = [9] * 2 * BLOCK
    pairs: Pairs = [(head + [question] * 4 * BLOCK, [choice, 7]) for question in range(10) for choice in range(2)]
    prompts = prompts_of(requests_of(pairs), BLOCK, 128)
    assert len(plan_waves(prompts, BLOCK, UNLIMITED)) < len(plan_waves(prompts, BLOCK, 24))
    assert max(len(wave) for wave in plan_waves(prompts, BLOCK, 24)) <= 6
