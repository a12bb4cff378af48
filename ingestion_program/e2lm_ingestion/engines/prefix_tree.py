"""Requests as a prefix tree of tokens, so that shared prefixes are computed once.

Sorted, the requests are the leaves of a prefix tree: few-shot head, then a question, then its choices. The tree is cut
into chunks of neighbouring requests. A chunk has a stem (the prefix that all its requests share, whose keys and values
are cached and reused for the next chunk) and nodes (every other token, once, in depth-first order). A node attends to
the stem and to its ancestors. In depth-first order node j is an ancestor of node i if j <= i < the end of j's subtree,
so a chunk stores only the end of each subtree. The last token of a request is predicted but never an input.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from e2lm_ingestion.engines.requests import Requests


@dataclass(frozen=True, slots=True)
class Chunk:
    """Neighbouring requests as one tree."""

    stem: np.ndarray  # (stem,) int32 tokens before every node
    tokens: np.ndarray  # (nodes,) int32, depth first
    positions: np.ndarray  # (nodes,) int64, each node's position in its sequence
    subtree_ends: np.ndarray  # (nodes,) int64: the descendants of node i are the nodes i + 1 .. subtree_ends[i] - 1
    target_nodes: np.ndarray  # (targets,) int64: the node that predicts the target
    target_tokens: np.ndarray  # (targets,) int64
    target_requests: np.ndarray  # (targets,) int64


def plan(requests: Requests, max_nodes: int) -> list[Chunk]:
    """Cut the prefix tree of all requests into chunks of at most `max_nodes` nodes; a long request may need more."""
    inputs = [requests.sequence(request)[:-1] for request in range(len(requests))]
    order = sorted(range(len(inputs)), key=lambda request: inputs[request].astype(">u4").tobytes())
    return [_chunk(requests, inputs, members) for members in _cut(requests, inputs, order, max_nodes)]


def unique_tokens(requests: Requests) -> int:
    """The number of nodes of the prefix tree of all requests: a lower bound on the tokens an engine computes."""
    inputs = sorted((requests.sequence(r)[:-1].astype(">u4") for r in range(len(requests))), key=np.ndarray.tobytes)
    return sum(map(len, inputs)) - sum(shared_length(one, other) for one, other in pairwise(inputs))


def shared_length(one: np.ndarray, other: np.ndarray) -> int:
    """Length of the longest common prefix of two token arrays."""
    length = min(len(one), len(other))
    different = np.flatnonzero(one[:length] != other[:length])
    return int(different[0]) if len(different) else length


def _cut(requests: Requests, inputs: list[np.ndarray], order: list[int], max_nodes: int) -> Iterator[list[int]]:
    """Runs of sorted requests whose tree has at most `max_nodes` nodes below the stem that they share."""
    members: list[int] = []
    stem = branches = 0
    for request in order:
        own_limit = int(requests.context_lengths[request]) - 1
        if members:
            shared = shared_length(inputs[members[-1]], inputs[request])
            new_stem = min(stem, shared, own_limit)
            new_branches = branches + len(inputs[request]) - shared
            if len(inputs[members[0]]) - new_stem + new_branches <= max_nodes:
                members.append(request)
                stem, branches = new_stem, new_branches
                continue
            yield members
        members, stem, branches = [request], own_limit, 0
    if members:
        yield members


def _chunk(requests: Requests, inputs: list[np.ndarray], members: list[int]) -> Chunk:
    first = inputs[members[0]]
    # The last token of a context predicts the first of a continuation, so it is a node and never in the stem.
    stem = min(int(requests.context_lengths[request]) - 1 for request in members)
    for request in members[1:]:
        stem = min(stem, shared_length(first, inputs[request]))
    tokens: list[int] = []
    positions: list[int] = []
    ends: list[int] = []
    path: list[int] = []  # path[d] is the node at position stem + d of the current request
    target_nodes, target_tokens, target_requests = [], [], []
    previous = first[:stem]
    for request in members:
        sequence = inputs[request]
        shared = shared_length(previous, sequence) - stem
        for closed in path[shared:]:
            ends[closed] = len(tokens)
        del path[shared:]
        for position in range(stem + shared, len(sequence)):
            path.append(len(tokens))
            tokens.append(int(sequence[position]))
            positions.append(position)
            ends.append(-1)
        context = int(requests.context_lengths[request])
        target_nodes.extend(path[context - 1 - stem :])
        continuation = requests.sequence(request)[context:]
        target_tokens.extend(continuation.tolist())
        target_requests.extend([request] * len(continuation))
        previous = sequence
    for open_node in path:
        ends[open_node] = len(tokens)
    return Chunk(
        stem=first[:stem],
        tokens=np.asarray(tokens, dtype=np.int32),
        positions=np.asarray(positions, dtype=np.int64),
        subtree_ends=np.asarray(ends, dtype=np.int64),
        target_nodes=np.asarray(target_nodes, dtype=np.int64),
        target_tokens=np.asarray(target_tokens, dtype=np.int64),
        target_requests=np.asarray(target_requests, dtype=np.int64),
    )
