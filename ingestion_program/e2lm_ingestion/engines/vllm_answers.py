"""Sampling parameters for vLLM, and how to read its outputs as scores of requests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from e2lm_ingestion.engines import Stop
from e2lm_ingestion.engines.prompts import Prompt

MAX_LAST_TOKENS = 128  # vLLM's limit on logprob_token_ids


@dataclass(frozen=True, slots=True)
class Answer:
    """Scores of one prompt."""

    value: float  # sum of the log-probabilities of tokens[start:] of the prompt, nats; 0 if there are none
    greedy: bool  # whether each of those tokens was the most likely one
    last_values: dict[int, float]  # last token -> its log-probability, nats
    most_likely: int  # the most likely token after the prompt


def scoring_parameters(last_tokens: tuple[int, ...], *, continuation: bool, read_cache: bool) -> dict[str, Any]:
    """Keywords of vLLM's SamplingParams for the values of an `Answer`.

    `continuation`: whether tokens of the prompt itself have to be scored.
    """
    parameters: dict[str, Any] = {
        "max_tokens": 1,
        "temperature": 0.0,
        "detokenize": False,
        "flat_logprobs": True,
        "logprob_token_ids": sorted(set(last_tokens)),
        "skip_reading_prefix_cache": not read_cache,
        "skip_clone": True,
    }
    if continuation:
        parameters["prompt_logprobs"] = 0
    return parameters


def generation_parameters(length: int, stop_tokens: frozenset[int]) -> dict[str, Any]:
    """Keywords of SamplingParams to generate greedily at most `length` tokens."""
    return {"max_tokens": length, "temperature": 0.0, "stop_token_ids": sorted(stop_tokens), "detokenize": False}


def up_to_stop(generated: list[int], new: list[int], stop: Stop) -> list[int]:
    """`generated` followed by the tokens of `new` up to the one that ends the generation."""
    if not stop.reached([*generated, *new]):
        return [*generated, *new]
    for token in new:
        generated = [*generated, token]
        if stop.reached(generated):
            break
    return generated


def read_core_output(output: Any, prompt: Prompt) -> Answer | None:  # noqa: ANN401 (vllm.v1.engine.EngineCoreOutput)
    """Read one output of the engine core; None if some token of the continuation was read from the cache."""
    length = len(prompt.tokens) - prompt.start
    tokens, values, ranks = _NOTHING
    rows = output.new_prompt_logprobs_tensors
    if length and rows is not None and prompt.start > output.prefill_stats.num_cached_tokens:
        tokens = rows.logprob_token_ids[-length:, 0].tolist()
        values = rows.logprobs[-length:, 0].tolist()
        ranks = rows.selected_token_ranks[-length:].tolist()
    after = output.new_logprobs
    return _answer(prompt, tokens, values, ranks, after.logprob_token_ids[0].tolist(), after.logprobs[0].tolist())


def read_request_output(output: Any, prompt: Prompt) -> Answer | None:  # noqa: ANN401 (vllm.RequestOutput)
    """Read one output of LLM.generate; None if some token of the continuation was read from the cache."""
    length = len(prompt.tokens) - prompt.start
    tokens, values, ranks = _NOTHING
    rows = output.prompt_logprobs
    if length and rows is not None and prompt.start > (output.num_cached_tokens or 0):
        tokens, values, ranks = rows.token_ids[-length:], rows.logprobs[-length:], rows.ranks[-length:]
    after = output.outputs[0].logprobs
    return _answer(prompt, tokens, values, ranks, after.token_ids, after.logprobs)


_NOTHING: tuple[list[int], list[float], list[int]] = ([], [], [])


def _answer(
    prompt: Prompt,
    tokens: Sequence[int],
    values: Sequence[float],
    ranks: Sequence[int],
    tokens_after: Sequence[int],
    values_after: Sequence[float],
) -> Answer | None:
    """The answer from the rows of the continuation and from the row after the prompt.

    The log-probability of a token is computed at the position before it. For cached positions vLLM returns values of
    earlier prompts (V1 runner) or none (V2), so rows are counted from the prompt's end, and their tokens compared. The
    row after the prompt has the most likely token first, then the last tokens in ascending order.
    """
    if tokens != prompt.continuation:
        return None
    last = slice(1, 1 + len(set(prompt.last_tokens)))
    last_values = dict(zip(tokens_after[last], values_after[last], strict=True))
    return Answer(math.fsum(values), all(rank == 1 for rank in ranks), last_values, tokens_after[0])


def add_to_requests(prompt: Prompt, answer: Answer, values: np.ndarray, greedy: np.ndarray) -> None:
    """Add a prompt's answer to the `values` and `greedy` of its requests, both (requests,)."""
    for request, last in zip(prompt.requests, prompt.last_tokens, strict=True):
        values[request] += answer.value + answer.last_values[last]
        greedy[request] &= answer.greedy and last == answer.most_likely
