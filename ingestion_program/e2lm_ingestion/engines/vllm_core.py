"""Runs prompts on the core of vLLM's engine. The only module that depends on the inside of a particular vLLM version.

`LLM.generate` renders every prompt, hashes all of its blocks and adds it before the first step is computed, and keeps
all outputs until the last one: for a prompt of 700 tokens, of which 95 % are cached, that is more work than what the
scheduler needs. `EngineCore` adds prompts to the scheduler itself, tops its queue up before each step, so that on a GPU
the work for the next prompts is hidden by the computation of the present ones, takes the names of blocks from the plan
(`prompts.block_names`), and drops each output once it is read. The steps are the same as those of `LLM.generate`, so
the values are equal bit for bit; `--engine vllm-reference` uses `LLM.generate`, and the tests compare the two.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch

from e2lm_ingestion.errors import OrganizerError

VERSION = "0.32"


@dataclass(frozen=True, slots=True)
class CorePrompt:
    """One prompt for the engine core."""

    tokens: list[int]
    parameters: Any  # vllm.SamplingParams; prompts may share one object
    block_names: list[bytes] | None  # None: vLLM hashes the blocks


class EngineCore:
    """The scheduler and executor of an engine in this process (VLLM_ENABLE_V1_MULTIPROCESSING=0)."""

    def __init__(self, llm: Any) -> None:  # noqa: ANN401 (vllm.LLM)
        """Raises OrganizerError when another version of vLLM is installed than the one this module was written for."""
        installed = importlib.import_module("vllm").__version__
        if not installed.startswith(f"{VERSION}."):
            raise OrganizerError(
                f"vLLM {installed} is installed, and --engine vllm needs {VERSION}; install that, or give --engine "
                "vllm-reference, which works with other versions and is slower"
            )
        self._core = llm.llm_engine.engine_core.engine_core
        self._request: Callable[..., Any] = importlib.import_module("vllm.v1.request").Request

    def run(self, prompts: Iterable[CorePrompt], read: Callable[[int, Any], None]) -> None:
        """Compute all prompts; `read(number, output)` gets each vllm.v1.engine.EngineCoreOutput as it comes.

        A prompt that generates several tokens has an output for each step. Prompts are scheduled in their order.
        """
        scheduler, waiting = self._core.scheduler, enumerate(prompts)
        # With this many prompts in the queue no step takes fewer than it would if all had been added.
        most = scheduler.max_num_active_reqs
        unfinished, exhausted = 0, False
        while unfinished or not exhausted:
            while not exhausted and len(scheduler.waiting) < most:
                number, prompt = next(waiting, (-1, None))
                if prompt is None:
                    exhausted = True
                else:
                    scheduler.add_request(self._new_request(number, prompt))
                    unfinished += 1
            if not unfinished:
                break
            outputs, _ = self._core.step_fn()
            for output in outputs[0].outputs if outputs and 0 in outputs else ():
                unfinished -= output.finished
                read(int(output.request_id), output)
        while self._core.batch_queue:  # a step that was scheduled ahead and has nothing left to compute
            self._core.step_fn()

    def _new_request(self, number: int, prompt: CorePrompt) -> Any:  # noqa: ANN401
        hasher = self._core.request_block_hasher if prompt.block_names is None else None
        request = self._request(
            str(number), prompt.tokens, prompt.parameters, None, arrival_time=0.0, block_hasher=hasher
        )
        if prompt.block_names is not None:
            request.block_hashes = prompt.block_names
        return request


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


def kernels(llm: Any) -> str:  # noqa: ANN401 (vllm.LLM)
    """The model runner and attention backend that vLLM chose, such as `runner V2, FLASH_ATTN attention`."""
    config = llm.llm_engine.vllm_config
    backends = llm.apply_model(_attention_backends)[0]
    runner = "V2" if getattr(config, "use_v2_model_runner", False) else "V1"
    return f"runner {runner}, {' and '.join(backends) or 'unknown'} attention"


def _attention_backends(model: torch.nn.Module) -> list[str]:
    names = (getattr(layer, "backend", None) for layer in model.modules())
    return sorted({getattr(name, "name", str(name)) for name in names if name is not None})
