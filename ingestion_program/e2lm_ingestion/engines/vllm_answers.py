"""Sampling parameters for vLLM, and how to read its outputs as scores of requests."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from e2lm_ingestion.engines import Stop
from e2lm_ingestion.engines.waves import Prompt

MAX_LAST_TOKENS = 128  # vLLM's limit on logprob_token_ids


@dataclass(frozen=True, slots=True)
class Answer:
    """Scores of one prompt."""

    value: float  # sum of the log-probabilities of tokens[start:] of the prompt, nats; 0 if there are none
    greedy: bool | None  # whether each of those tokens was the most likely one; None if vLLM's output does not tell
    last_values: dict[int, float]  # last token -> its log-probability, nats
    most_likely: int  # the most likely token after the prompt


def scoring_parameters(prompt: Prompt, *, read_cache: bool, row_wise: bool) -> dict[str, Any]:
    """Keywords of vLLM's SamplingParams for the values of an `Answer`.

    `row_wise`: request log-probabilities of the continuation's rows only, where vLLM supports it.
    """
    parameters: dict[str, Any] = {
        "max_tokens": 1,
        "temperature": 0.0,
        "detokenize": False,
        "flat_logprobs": True,
        "logprob_token_ids": sorted(set(prompt.last_tokens)),
        "skip_reading_prefix_cache": not read_cache,
        "skip_clone": True,  # each prompt has its own parameters
    }
    continuation = prompt.tokens[prompt.start :]
    if continuation and row_wise:
        parameters["prompt_logprob_token_ids"] = np.asarray(continuation, dtype=np.int64)[:, None]
        parameters["prompt_logprob_start"] = prompt.start - 1
    elif continuation:
        parameters["prompt_logprobs"] = 0
    return parameters


def decoding_parameters(prompt: Prompt) -> dict[str, Any]:
    """Keywords of SamplingParams to generate greedily as many tokens as the prompt has after its context."""
    length = len(prompt.tokens) - prompt.start
    return {"max_tokens": length, "temperature": 0.0, "ignore_eos": True, "detokenize": False, "skip_clone": True}


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


def read_answer(output: Any, prompt: Prompt) -> Answer | None:  # noqa: ANN401 (vllm.RequestOutput)
    """Read one output; None if the log-probability of some token of the continuation was not computed.

    The log-probability of a token is computed at the position before it. For cached positions vLLM returns values of
    earlier prompts (V1 runner) or none (V2), so rows are counted from the prompt's end.
    """
    continuation = prompt.tokens[prompt.start :]
    values: list[float] = []
    greedy: bool | None = True
    if continuation:
        if prompt.start - 1 < (output.num_cached_tokens or 0):
            return None
        row_wise = getattr(output, "prompt_token_id_logprobs", None)
        rows = output.prompt_logprobs
        if row_wise is not None:
            values = row_wise[:, 0].tolist()
            # There are no ranks here, but a token with a probability above 1/2 is the most likely one.
            greedy = True if min(values) > -math.log(2.0) else None
        elif rows is not None and rows.token_ids[-len(continuation) :] == continuation:
            values = rows.logprobs[-len(continuation) :]
            greedy = all(rank == 1 for rank in rows.ranks[-len(continuation) :])
        if len(values) != len(continuation):
            return None
    after = output.outputs[0].logprobs  # the most likely token first, then the last tokens
    last = slice(1, 1 + len(set(prompt.last_tokens)))
    last_values = dict(zip(after.token_ids[last], after.logprobs[last], strict=True))
    return Answer(math.fsum(values), greedy, last_values, int(output.outputs[0].token_ids[0]))


def add_to_requests(prompt: Prompt, answer: Answer, values: np.ndarray, greedy: np.ndarray) -> None:
    """Add a prompt's answer to the `values` and `greedy` of its requests, both (requests,)."""
    for request, last in zip(prompt.requests, prompt.last_tokens, strict=True):
        values[request] += answer.value + answer.last_values[last]
        greedy[request] &= bool(answer.greedy) and last == answer.most_likely


def is_greedy_undecided(prompt: Prompt, answer: Answer) -> bool:
    """Whether some request of this prompt may be greedy but the answer does not tell."""
    return answer.greedy is None and answer.most_likely in prompt.last_tokens


def repack_tied_weights(model: torch.nn.Module) -> None:
    """Update layers with tied weights after a swap.

    On a CPU a layer computes with a packed copy of its weights. vLLM's reload repacks only layers that the checkpoint
    names. A head tied to the embedding is not named and would keep the weights of the first checkpoint.
    """
    packed: set[int] = set()
    for layer in model.modules():
        weight, method = getattr(layer, "weight", None), getattr(layer, "quant_method", None)
        if weight is None or method is None or not weight.numel():
            continue
        if weight.data_ptr() in packed:
            method.process_weights_after_loading(layer)
        packed.add(weight.data_ptr())


def drop_cached_rows(llm: Any) -> None:  # noqa: ANN401 (vllm.LLM)
    """Drop a prompt's cached rows before vLLM turns each into Python objects.

    The rows hold no values, but converting them takes a third of the time of few-shot prompts on a CPU. This needs an
    engine core in this process; without it nothing is dropped, and `read_answer` gives the same answers.
    """
    core = llm.llm_engine.engine_core
    if not hasattr(core, "engine_core"):
        return
    get_output = core.get_output

    def get_output_of_computed_rows() -> Any:  # noqa: ANN401
        step = get_output()
        for output in step.outputs:
            rows, prefill = output.new_prompt_logprobs_tensors, output.prefill_stats
            if rows is not None and prefill is not None and len(rows.logprobs) == prefill.num_prompt_tokens - 1:
                output.new_prompt_logprobs_tensors = type(rows)(
                    *(part[prefill.num_cached_tokens :] for part in rows[:3])
                )
        return step

    core.get_output = get_output_of_computed_rows
