"""Requests -> prompts in waves, so that a paged prefix cache computes each shared block of tokens once.

The last token of a request is only predicted, so a prompt is everything before it, and requests that differ in their
last token alone are one prompt. A cache of blocks serves a prompt only what an earlier, finished prompt computed:
prompts that run at the same time share nothing. The first prompt to hold a block is its owner, and a prompt belongs
to the wave after the last of the owners that it reads: the few-shot head first, then each question, then its choices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from e2lm_ingestion.encoding import Requests
from e2lm_ingestion.engines.prefix_tree import shared_length


@dataclass(frozen=True, slots=True)
class Prompt:
    """Tokens to compute, and the requests that are answered by their log-probabilities and by the next token's."""

    tokens: list[int]
    scored_from: int  # tokens[scored_from:] belong to a continuation; tokens[:scored_from] only to contexts
    requests: tuple[int, ...]
    last_tokens: tuple[int, ...]  # (requests,) the token of each request that comes after the prompt


def prompts_of(requests: Requests, max_last_tokens: int) -> list[Prompt]:
    """The distinct prompts in lexicographic order, each with at most `max_last_tokens` distinct last tokens."""
    same: dict[bytes, list[int]] = {}
    for request in range(len(requests)):
        same.setdefault(requests.sequence(request)[:-1].astype(">u4").tobytes(), []).append(request)
    prompts = []
    for key in sorted(same):
        members = sorted(same[key], key=lambda request: (int(requests.sequence(request)[-1]), request))
        last = [int(requests.sequence(request)[-1]) for request in members]
        number_of = {token: number for number, token in enumerate(dict.fromkeys(last))}
        for begin in range(0, len(number_of), max_last_tokens):
            chosen = [
                (request, token)
                for request, token in zip(members, last, strict=True)
                if begin <= number_of[token] < begin + max_last_tokens
            ]
            prompts.append(
                Prompt(
                    tokens=requests.sequence(chosen[0][0])[:-1].tolist(),
                    scored_from=min(int(requests.context_lengths[request]) for request, _ in chosen),
                    requests=tuple(request for request, _ in chosen),
                    last_tokens=tuple(token for _, token in chosen),
                )
            )
    return prompts


def plan_waves(prompts: list[Prompt], block_size: int, capacity: int) -> list[list[int]]:
    """Numbers of the prompts (in lexicographic order) to run together, wave after wave.

    A whole block of `block_size` tokens is computed by one prompt only, except where a prompt would have to take all
    of its tokens from the cache: its last one is always computed. As the cache holds `capacity` blocks, prompts are
    taken in runs whose blocks fit, one run's waves after the other's.
    """
    plan: list[list[int]] = []
    run: list[list[int]] = []
    owners: list[int] = []  # the wave of the owner of each block of the prompt at hand; -1 in an earlier run
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
