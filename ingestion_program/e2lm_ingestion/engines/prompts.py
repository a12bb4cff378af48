"""Turns requests into the prompts that vLLM computes, in an order that makes the most of its prefix cache.

Each shared block of tokens is computed once, and no log-probability is lost. The last token of a sequence is predicted
but never an input, so a prompt is the sequence without it, and sequences that differ only in their last token are one
prompt. The cache serves whole blocks and returns no log-probabilities for cached positions. A sequence is therefore cut
where a block that it shares with other prompts ends within a continuation: one piece ends with that block and predicts
the token after it, the next piece reads the block from the cache and continues.

Prompts are in lexicographic order. A block can be read from the cache as soon as the prompt that computes it is
scheduled, also in the same step, so the few-shot head, each question and each shared beginning of a choice are computed
by the first prompt that has them, and neighbours read them while they are certainly still in the cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from e2lm_ingestion.engines.prefix_tree import shared_length
from e2lm_ingestion.engines.requests import Requests


@dataclass(frozen=True, slots=True)
class Prompt:
    """Tokens to compute. Its requests need the log-probabilities of tokens[start:] and of their own last token."""

    tokens: np.ndarray  # (tokens,) int32, a view of the requests' tokens
    start: int
    requests: tuple[int, ...]  # indices
    last_tokens: tuple[int, ...]  # (requests,) the token of each request that follows the prompt

    @property
    def continuation(self) -> list[int]:
        """The tokens of the prompt that have to be scored; empty if only the last tokens are."""
        tokens: list[int] = self.tokens[self.start :].tolist()
        return tokens


def prompts_of(requests: Requests, block_size: int, max_last_tokens: int) -> list[Prompt]:
    """The distinct prompts of all requests in lexicographic order.

    A prompt has at most `max_last_tokens` distinct last tokens; the same tokens are several prompts if there are more.
    """
    pieces: dict[tuple[bytes, int], dict[int, list[int]]] = {}  # tokens and start -> last token -> requests
    for request, shared, key in _shared_with_others(requests, max_last_tokens):
        sequence = requests.sequence(request)
        start = int(requests.context_lengths[request])
        first_block = -(-start // block_size) * block_size
        for end in [*range(first_block, min(shared, len(sequence) - 2) + 1, block_size), len(sequence) - 1]:
            piece = key if 4 * end == len(key) else key[: 4 * end]
            pieces.setdefault((piece, start), {}).setdefault(int(sequence[end]), []).append(request)
            start = end + 1
    prompts = []
    for tokens, start in sorted(pieces):
        by_token = sorted(pieces[tokens, start].items())
        for begin in range(0, len(by_token), max_last_tokens):
            chosen = [(request, token) for token, own in by_token[begin : begin + max_last_tokens] for request in own]
            prompts.append(
                Prompt(
                    tokens=requests.sequence(chosen[0][0])[: len(tokens) // 4],
                    start=start,
                    requests=tuple(request for request, _ in chosen),
                    last_tokens=tuple(token for _, token in chosen),
                )
            )
    return prompts


def _shared_with_others(requests: Requests, max_last_tokens: int) -> Iterator[tuple[int, int, bytes]]:
    """Each request, the length of the longest prefix that its prompt shares with another, and the prompt as a sort key.

    The key has four bytes a token, the most significant first, so that keys sort as tokens do.
    """
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
            yield request, shared, key


def shared_with_previous(prompts: Sequence[Prompt]) -> np.ndarray:
    """For each prompt the number of tokens that it shares with the one before it, (prompts,) int64."""
    lengths = [shared_length(one.tokens, other.tokens) for one, other in pairwise(prompts)]
    return np.asarray([0, *lengths][: len(prompts)], dtype=np.int64)


def block_names(prompts: Sequence[Prompt], shared: np.ndarray, block_size: int) -> Iterator[list[bytes]]:
    """For each prompt the names of its whole blocks: equal exactly where all tokens up to the block's end are equal.

    vLLM's prefix cache finds blocks by such names and usually computes them as chained hashes. In lexicographic order,
    two prompts that share a prefix share it with all prompts between, so counting is enough. `shared` is
    `shared_with_previous(prompts)`; it depends on tokens alone and serves all checkpoints of an engine group.
    """
    names: list[bytes] = []
    count = 0
    for prompt, length in zip(prompts, shared.tolist(), strict=True):
        names = names[: length // block_size]
        for _ in range(len(prompt.tokens) // block_size - len(names)):
            names.append(count.to_bytes(8, "big"))
            count += 1
        yield names
