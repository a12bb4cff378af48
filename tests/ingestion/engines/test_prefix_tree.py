"""The prefix tree holds every request's tokens once, and each node attends to its own prefix only."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from e2lm_ingestion.engines.prefix_tree import Chunk, plan, unique_tokens
from e2lm_ingestion.engines.requests import Requests
from e2lm_ingestion.engines.tree_walk import ancestors

Pairs = list[tuple[list[int], list[int]]]


def requests_of(pairs: Pairs) -> Requests:
    sequences = [context + continuation for context, continuation in pairs]
    starts = np.cumsum([0, *map(len, sequences)])
    tokens = np.asarray([token for sequence in sequences for token in sequence], dtype=np.int32)
    return Requests(tokens, starts, np.asarray([len(context) for context, _ in pairs]))


def predictions(chunks: list[Chunk]) -> dict[int, list[tuple[list[int], int]]]:
    """request -> (tokens that the predicting node attends to, predicted token), in order of the continuation."""
    found: dict[int, list[tuple[list[int], int]]] = {}
    for chunk in chunks:
        everything = np.concatenate([chunk.stem, chunk.tokens])
        tree = ancestors(torch.from_numpy(chunk.subtree_ends)).numpy()
        mask = np.concatenate([np.ones((len(tree), len(chunk.stem)), dtype=bool), tree], axis=1)
        targets = zip(chunk.target_nodes, chunk.target_tokens, chunk.target_requests, strict=True)
        for node, token, request in targets:
            seen = everything[mask[node]].tolist()
            assert chunk.positions[node] == len(seen) - 1
            found.setdefault(int(request), []).append((seen, int(token)))
    return found


tokens = st.lists(st.integers(0, 2), min_size=1, max_size=6)


@settings(max_examples=150, deadline=None)
@given(pairs=st.lists(st.tuples(tokens, tokens), min_size=1, max_size=12), max_nodes=st.integers(1, 20))
def test_every_target_is_predicted_from_exactly_its_own_prefix(pairs: Pairs, max_nodes: int) -> None:
    chunks = plan(requests_of(pairs), max_nodes)
    expected = {
        request: [(context + continuation[:i], token) for i, token in enumerate(continuation)]
        for request, (context, continuation) in enumerate(pairs)
    }
    assert predictions(chunks) == expected


@settings(max_examples=50, deadline=None)
@given(pairs=st.lists(st.tuples(tokens, tokens), min_size=1, max_size=12))
def test_one_chunk_computes_each_unique_token_once(pairs: Pairs) -> None:
    requests = requests_of(pairs)
    prefixes = {tuple((c + t)[: length + 1]) for c, t in pairs for length in range(len(c + t) - 1)}
    chunks = plan(requests, max_nodes=1000)
    assert len(chunks) == 1
    assert unique_tokens(requests) == len(prefixes) == len(chunks[0].stem) + len(chunks[0].tokens)


def test_a_chunk_stays_within_its_nodes_when_requests_are_short() -> None:
    pairs: Pairs = [([9] * 50 + [i, i], [i % 3, 1, c]) for i in range(30) for c in range(4)]
    chunks = plan(requests_of(pairs), max_nodes=40)
    assert max(len(chunk.tokens) for chunk in chunks) <= 40
    assert min(len(chunk.stem) for chunk in chunks) >= 50


def test_single_token_choices_cost_nothing_beyond_their_question() -> None:
    four = plan(requests_of([([5, 6, 7], [choice]) for choice in range(4)]), max_nodes=100)
    assert sum(len(chunk.stem) + len(chunk.tokens) for chunk in four) == 3


@pytest.mark.parametrize("max_nodes", [1, 8])
def test_a_request_longer_than_a_chunk_is_still_scored(max_nodes: int) -> None:
    context, continuation = list(range(30)), list(range(40, 60))
    found = predictions(plan(requests_of([(context, continuation)]), max_nodes))
    assert [token for _, token in found[0]] == continuation
