"""Prompts in order with a simulated block cache: every value is computed, and no shared block twice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from e2lm_ingestion.engines.prompts import Prompt, block_names, prompts_of, shared_with_previous
from e2lm_ingestion.engines.requests import Requests

BLOCK = 4
Pairs = list[tuple[list[int], list[int]]]


def requests_of(pairs: Pairs) -> Requests:
    sequences = [context + continuation for context, continuation in pairs]
    tokens = np.asarray([token for sequence in sequences for token in sequence], dtype=np.int32)
    return Requests(tokens, np.cumsum([0, *map(len, sequences)]), np.asarray([len(context) for context, _ in pairs]))


def run(prompts: list[Prompt]) -> tuple[list[int], int]:
    """The cached length of each prompt and the number of tokens computed, with a block cache like vLLM's."""
    cache: set[bytes] = set()
    cached = []
    for prompt, names in zip(prompts, block_names(prompts, shared_with_previous(prompts), BLOCK), strict=True):
        readable = names[: (len(prompt.tokens) - 1) // BLOCK]  # the last token is always computed
        hits = next((number for number, name in enumerate(readable) if name not in cache), len(readable))
        cached.append(hits * BLOCK)
        cache.update(names)
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
    cached, _ = run(prompts)
    predicted: dict[int, list[tuple[tuple[int, ...], int]]] = {number: [] for number in range(len(pairs))}
    for prompt, from_cache in zip(prompts, cached, strict=True):
        assert len(set(prompt.last_tokens)) <= max_last_tokens
        assert prompt.start - 1 >= from_cache or prompt.start == len(prompt.tokens)
        for request, last in zip(prompt.requests, prompt.last_tokens, strict=True):
            followed = [*prompt.tokens.tolist(), last]
            predicted[request] += [(tuple(followed[:n]), followed[n]) for n in range(prompt.start, len(followed))]
    for number, (context, continuation) in enumerate(pairs):
        sequence = context + continuation
        expected = [(tuple(sequence[:n]), sequence[n]) for n in range(len(context), len(sequence))]
        assert sorted(predicted[number]) == sorted(expected)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(pairs=pairs_of_tokens)
def test_blocks_have_equal_names_exactly_where_all_tokens_before_their_end_are_equal(pairs: Pairs) -> None:
    prompts = prompts_of(requests_of(pairs), BLOCK, 128)
    tokens_of: dict[bytes, tuple[int, ...]] = {}
    for prompt, names in zip(prompts, block_names(prompts, shared_with_previous(prompts), BLOCK), strict=True):
        assert len(names) == len(prompt.tokens) // BLOCK
        for number, name in enumerate(names, start=1):
            tokens = tuple(prompt.tokens[: number * BLOCK].tolist())
            assert tokens_of.setdefault(name, tokens) == tokens
    assert len(set(tokens_of.values())) == len(tokens_of)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(pairs=pairs_of_tokens)
def test_no_whole_block_is_computed_twice(pairs: Pairs) -> None:
    prompts = prompts_of(requests_of(pairs), BLOCK, 128)
    cached, _ = run(prompts)
    computed = [
        tuple(prompt.tokens[:end].tolist())
        for prompt, from_cache in zip(prompts, cached, strict=True)
        for end in range(from_cache + BLOCK, len(prompt.tokens), BLOCK)
    ]
    assert len(computed) == len(set(computed))


def test_the_head_and_each_question_are_computed_once() -> None:
    head = [9] * 3 * BLOCK
    pairs: Pairs = [(head + [question] * 2 * BLOCK, [choice, 7]) for question in range(3) for choice in range(4)]
    cached, computed = run(prompts_of(requests_of(pairs), BLOCK, 128))
    assert cached[0] == 0
    assert min(cached[1:]) == len(head)
    assert computed == len(head) + 3 * (2 * BLOCK + 4)


def test_single_token_choices_are_one_prompt_a_question() -> None:
    pairs: Pairs = [([9, 9, question], [choice]) for question in range(5) for choice in range(4)]
    prompts = prompts_of(requests_of(pairs), BLOCK, 128)
    assert [prompt.last_tokens for prompt in prompts] == [(0, 1, 2, 3)] * 5


@pytest.mark.parametrize("rest", range(BLOCK))
def test_a_context_that_fills_its_blocks_costs_no_more_than_one_that_does_not(rest: int) -> None:
    context = list(range(8 * BLOCK + rest))
    prompts = prompts_of(requests_of([(context, [100 + choice, 7]) for choice in range(4)]), BLOCK, 128)
    _, computed = run(prompts)
    assert computed <= len(context) + 1 + 3 * (rest + 1) + 1
