"""Splits requests into prompts and orders them in waves for vLLM's prefix cache.

Each shared block of tokens is computed once, and no log-probability is lost. The last token of a sequence is predicted
but never an input, so a prompt is the sequence without it, and sequences that differ only in their last token are one
prompt. The cache serves whole blocks and returns no log-probabilities for cached positions. A sequence is therefore cut
where a block that it shares with other prompts ends within a continuation: one piece ends with that block and predicts
the token after it, the next piece reads the block from the cache and continues.

The cache serves only blocks of prompts that have finished; prompts that run at the same time share nothing. The first
prompt with a block is the block's owner. A prompt runs in the wave after the last owner of its blocks, so the few-shot
head comes first, then each question, then its choices.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from e2lm_ingestion.engines.prefix_tree import shared_length
from e2lm_ingestion.engines.requests import Requests


@dataclass(frozen=True, slots=True)
class Prompt:
    """Tokens to compute. Its requests need the log-probabilities of tokens[start:] and of their own last token."""

    tokens: list[int]
    start: int
    requests: tuple[int, ...]  # indices
    last_tokens: tuple[int, ...]  # (requests,) the token of each request that follows the prompt


def prompts_of(requests: Requests, block_size: int, max_last_tokens: int) -> list[Prompt]:
    """The distinct prompts of all requests in lexicographic order.

    A prompt has at most `max_last_tokens` distinct last tokens; the same tokens are several prompts if there are more.
    """
    pieces: dict[tuple[bytes, int], dict[int, list[int]]] = {}  # tokens and start -> last token -> requests
    for request, shared in _shared_with_others(requests, max_last_tokens):
        sequence = requests.sequence(request)
        start = int(requests.context_lengths[request])
        first_block = -(-start // block_size) * block_size
        for end in [*range(first_block, min(shared, len(sequence) - 2) + 1, block_size), len(sequence) - 1]:
            key = (sequence[:end].astype(">u4").tobytes(), start)
            pieces.setdefault(key, {}).setdefault(int(sequence[end]), []).append(request)
            start = end + 1
    prompts = []
    for key in sorted(pieces):
        by_token = sorted(pieces[key].items())
        for begin in range(0, len(by_token), max_last_tokens):
            chosen = [(request, token) for token, own in by_token[begin : begin + max_last_tokens] for request in own]
            prompts.append(
                Prompt(
                    tokens=np.frombuffer(key[0], dtype=">u4").tolist(),
                    start=key[1],
                    requests=tuple(request for request, _ in chosen),
                    last_tokens=tuple(token for _, token in chosen),
                )
            )
    return prompts


def _shared_with_others(requests: Requests, max_last_tokens: int) -> Iterator[tuple[int, int]]:
    """For each request its index and the length of the longest prefix that its prompt shares with another prompt."""
    same: dict[bytes, list[int]] = {}
    for request in range(len(requests)):
        same.setdefault(requests.sequence(request)[:-1].astype(">u4").tobytes(), []).append(request)
    keys = sorted(same)
    inputs = [requests.sequence(same[key][0])[:-1] for key in keys]
    between = [0, *(shared_length(one, other) for one, other in pairwise(inputs)), 0]
    for number, key in enumerate(keys):
        last_tokens = {int(requests.sequence(request)[-1]) for request in same[key]}
        starts = {int(requests.context_lengths[request]) for request in same[key]}
        alone = len(starts) == 1 and len(last_tokens) <= max_last_tokens  # else several prompts have these tokens
        shared = max(between[number], between[number + 1]) if alone else len(inputs[number])
        for request in same[key]:
            yield request, shared


def plan_waves(prompts: list[Prompt], block_size: int, capacity: int) -> list[list[int]]:
    """Waves of prompt indices to run together; `prompts` are in lexicographic order.

    Each full block of `block_size` tokens is computed by one prompt only, except when all tokens of a prompt are
    cached: vLLM always computes the last one. The cache holds `capacity` blocks, so prompts are divided into runs whose
    blocks fit, and the waves of one run follow those of the run before.
    """
    plan: list[list[int]] = []
    run: list[list[int]] = []
    owners: list[int] = []  # for each block of the current prompt the wave of its owner; -1 if in an earlier run
    previous = np.empty(0, dtype=np.int64)
    blocks = 0
    for number, prompt in enumerate(prompts):
        tokens = np.asarray(prompt.tokens)
        del owners[shared_length(previous, tokens) // block_size :]
        new_blocks = -(-len(tokens) // block_size) - len(owners)
        if blocks and blocks + new_blocks > capacity:
            plan.extend(run)
            run, owners, blocks = [], [-1] * len(owners), len(owners)
        readable = owners[: (len(tokens) - 1) // block_size]
        wave = readable[-1] + 1 if readable else 0
        owners.extend([wave] * (len(tokens) // block_size - len(owners)))
        run.extend([] for _ in range(wave + 1 - len(run)))
        run[wave].append(number)
        blocks += new_blocks
        previous = tokens
    return plan + run
