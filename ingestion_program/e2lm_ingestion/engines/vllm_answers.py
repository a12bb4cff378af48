"""What vLLM is asked of a prompt, and what its answer says of the requests behind it."""

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
    """What a model says of one prompt."""

    value: float  # the sum of the log-probabilities of the prompt's tokens from its start on, 0 if there are none
    greedy: bool | None  # whether each of those tokens was the most likely one; None where that was not said
    last_values: dict[int, float]  # log-probability of each last token
    most_likely: int  # the most likely token after the prompt


def scoring_parameters(prompt: Prompt, *, read_cache: bool, row_wise: bool) -> dict[str, Any]:
    """The keywords of vLLM's SamplingParams that ask for what an `Answer` holds, and for nothing else."""
    parameters: dict[str, Any] = {
        "max_tokens": 1,
        "temperature": 0.0,
        "detokenize": False,
        "flat_logprobs": True,
        "logprob_token_ids": sorted(set(prompt.last_tokens)),
        "skip_reading_prefix_cache": not read_cache,
        "skip_clone": True,  # each prompt has its own
    }
    continuation = prompt.tokens[prompt.start :]
    if continuation and row_wise:
        parameters["prompt_logprob_token_ids"] = np.asarray(continuation, dtype=np.int64)[:, None]
        parameters["prompt_logprob_start"] = prompt.start - 1
    elif continuation:
        parameters["prompt_logprobs"] = 0
    return parameters


def decoding_parameters(prompt: Prompt) -> dict[str, Any]:
    """The keywords of SamplingParams that let the model itself write what follows the prompt's context."""
    length = len(prompt.tokens) - prompt.start
    return {"max_tokens": length, "temperature": 0.0, "ignore_eos": True, "detokenize": False, "skip_clone": True}


def writing_parameters(length: int, stop_tokens: frozenset[int]) -> dict[str, Any]:
    """The keywords of SamplingParams that let the model write at most `length` tokens, always the most likely one."""
    return {"max_tokens": length, "temperature": 0.0, "stop_token_ids": sorted(stop_tokens), "detokenize": False}


def up_to_stop(written: list[int], new: list[int], stop: Stop) -> list[int]:
    """`written` and as much of `new` as there is until the generation ends."""
    if not stop.reached([*written, *new]):
        return [*written, *new]
    for token in new:
        written = [*written, token]
        if stop.reached(written):
            break
    return written


def read_answer(output: Any, prompt: Prompt) -> Answer | None:  # noqa: ANN401 (vllm.RequestOutput)
    """What one output says; None unless the log-probability of every token of the continuation was computed.

    The log-probability of a token comes from the position before it. What vLLM lists for positions that came from the
    cache is left over from earlier prompts (V1 runner) or absent (V2), so rows are counted from the prompt's end.
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
            # Nothing is said of ranks, but what has more than half of the probability is the most likely.
            greedy = True if min(values) > -math.log(2.0) else None
        elif rows is not None and rows.token_ids[-len(continuation) :] == continuation:
            values = rows.logprobs[-len(continuation) :]
            greedy = all(rank == 1 for rank in rows.ranks[-len(continuation) :])
        if len(values) != len(continuation):
            return None
    after = output.outputs[0].logprobs  # the most likely token first, then those asked for
    asked = slice(1, 1 + len(set(prompt.last_tokens)))
    last_values = dict(zip(after.token_ids[asked], after.logprobs[asked], strict=True))
    return Answer(math.fsum(values), greedy, last_values, int(output.outputs[0].token_ids[0]))


def enter(prompt: Prompt, answer: Answer, values: np.ndarray, greedy: np.ndarray) -> None:
    """Add what an answer says of the requests behind its prompt to `values` and `greedy`, both (requests,)."""
    for request, last in zip(prompt.requests, prompt.last_tokens, strict=True):
        values[request] += answer.value + answer.last_values[last]
        greedy[request] &= bool(answer.greedy) and last == answer.most_likely


def leaves_open_whether_greedy(prompt: Prompt, answer: Answer) -> bool:
    """Whether a request of this prompt may be greedy and the answer does not say."""
    return answer.greedy is None and answer.most_likely in prompt.last_tokens


def repack_tied_weights(model: torch.nn.Module) -> None:
    """Let layers that share another layer's weights take them up after these were exchanged.

    On a CPU a layer computes with a packed copy of its weights. vLLM's reloading packs the layers that are named in
    the checkpoint; a head tied to the embedding is not, and would go on with the weights of the first checkpoint.
    """
    packed: set[int] = set()
    for layer in model.modules():
        weight, method = getattr(layer, "weight", None), getattr(layer, "quant_method", None)
        if weight is None or method is None or not weight.numel():
            continue
        if weight.data_ptr() in packed:
            method.process_weights_after_loading(layer)
        packed.add(weight.data_ptr())


def leave_out_cached_rows(llm: Any) -> None:  # noqa: ANN401 (vllm.LLM)
    """Drop the rows of a prompt that came from the cache before vLLM turns each into Python objects.

    They hold no values, yet at a microsecond a row they are a third of the time that few-shot prompts take on a CPU.
    Only the engine core of this process gives them; elsewhere nothing is dropped, and answers read the same.
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
