"""The transformers engine, on a CPU or one GPU. Tokens of shared prefixes are computed once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
import transformers
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from e2lm_ingestion.engines import Generations, LogLikelihoods, Stop
from e2lm_ingestion.engines.batched_generation import BatchedGeneration, continue_on_cores
from e2lm_ingestion.engines.device import describe_device, device_bytes, refuse_rounded_float32, resolve_dtype
from e2lm_ingestion.engines.memory import CPU_NODES, chunk_nodes, host_bytes_available, retry_smaller
from e2lm_ingestion.engines.prefix_tree import plan
from e2lm_ingestion.engines.requests import Requests
from e2lm_ingestion.engines.tree_walk import DeviceChunk, TreeWalk, on_device, score_chunks
from e2lm_ingestion.engines.weights import read_ahead, refuse_longer_context
from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.suite import Checkpoint, weight_files

if TYPE_CHECKING:
    from transformers import PreTrainedModel

transformers.logging.disable_progress_bar()  # the sweep has its own

# Relative tolerance. A wrong mask changes a log-likelihood by whole nats, rounding by far less than this.
_SELF_CHECK_TOLERANCE = {torch.float32: 1e-3, torch.float16: 0.05, torch.bfloat16: 0.2}

_CHUNKS_A_WALK = 4  # fewer in a thread of their own would not pay for the stem that it computes once more
_SMALL = 50_000_000  # parameters; a chunk takes little time, and operations on one core have the same rounding on any


class TransformersEngine:
    """Engine for one engine group of checkpoints: builds the model once and swaps weights in place."""

    def __init__(self, dtype: str = "auto", *, context_length: int | None = None, memory_share: float = 1.0) -> None:
        """Requests have at most `context_length` tokens, by default as many as they have.

        `memory_share`: share of the GPU's memory for this engine, below 1 where several engines use one GPU. Raises
        OrganizerError when the dtype is not auto, float32, bfloat16 or float16, or would be rounded.
        """
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        name = resolve_dtype(dtype, self._device.type)
        refuse_rounded_float32(name, self._device.type)
        self._dtype: torch.dtype = getattr(torch, name)
        self._context_length, self._memory_share = context_length, memory_share
        if self._device.type == "cuda" and memory_share < 1:
            torch.cuda.set_per_process_memory_fraction(memory_share)
        self._model: PreTrainedModel | None = None
        self._renames = False  # whether files name tensors otherwise than the model, such as Pythia's embed_out
        self._loaded: Checkpoint | None = None
        self._ahead: tuple[Checkpoint, list[_Weights]] | None = None
        self._is_small = False
        self._nodes = self._most_nodes = 0  # tokens of one forward pass; known once a model is loaded
        # Kept for as long as the session keeps the requests, because all checkpoints of an engine group have the same.
        self._plans: WeakKeyDictionary[Requests, list[DeviceChunk]] = WeakKeyDictionary()

    @property
    def description(self) -> dict[str, str]:
        """Everything about the engine that results depend on: its name, dtype, device, versions and flags.

        The size of chunks is known after a checkpoint is loaded, and may become smaller during a sweep.
        """
        return {
            "name": "transformers",
            "dtype": str(self._dtype).removeprefix("torch."),
            **describe_device(self._device.type),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            **({"flags": f"chunks of {self._nodes:,} tokens"} if self._nodes else {}),
        }

    def load(self, checkpoint: Checkpoint, group_size: int = 1) -> None:
        """Load a checkpoint's weights. Raises OrganizerError when they do not belong to this engine group."""
        if self._model is None:
            self._ahead = None
            self._model = _build(checkpoint, self._dtype, self._device)
            self._renames = not _names(checkpoint) <= set(self._model.state_dict())
            refuse_longer_context(checkpoint, self._model.config.to_dict(), self._context_length)
            self._nodes = self._most_nodes = self._chunk_size(self._model)
            self._is_small = self._model.num_parameters() <= _SMALL
        else:
            self._copy(self._model, checkpoint)
        self._loaded = checkpoint

    def read_ahead(self, checkpoint: Checkpoint) -> None:
        """Read a checkpoint's weights into memory. Leaves errors to `load`.

        For a GPU they are copied to pinned memory, from where they reach it while the CPU goes on, if there is room.
        """
        read_ahead(checkpoint)
        try:
            files = weight_files(checkpoint)
            pin = self._device.type == "cuda" and 3 * _size(files) < host_bytes_available()
            self._ahead = checkpoint, [_read(file, self._dtype, pin=pin) for file in files]
        except (OSError, ValueError, RuntimeError, SafetensorError, OrganizerError):
            self._ahead = None

    def _copy(self, model: PreTrainedModel, checkpoint: Checkpoint) -> None:
        """Replace the model's weights by those of the checkpoint."""
        own = model.state_dict()
        if self._renames:  # only transformers knows which tensor is which
            self._ahead = None
            for name, tensor in _build(checkpoint, self._dtype, self._device).state_dict().items():
                own[name].copy_(tensor)
            return
        tied = set(getattr(model, "all_tied_weights_keys", None) or ())
        loaded: set[str] = set()
        for weights in self._weights(checkpoint):
            for name, tensor in weights.tensors.items():
                if name not in own or own[name].shape != tensor.shape:
                    raise OrganizerError(
                        f"{weights.file}: tensor {name} does not fit this engine group; fetch the file again"
                    )
                own[name].copy_(tensor, non_blocking=True)
                loaded.add(name)
        if missing := set(own) - loaded - tied:
            raise OrganizerError(f"{checkpoint.path}: tensor {min(missing)} is missing; fetch this checkpoint again")

    def _weights(self, checkpoint: Checkpoint) -> Iterator[_Weights]:
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead[0] == checkpoint:
            yield from ahead[1]
            return
        for file in weight_files(checkpoint):
            try:
                yield _read(file, self._dtype, pin=False)
            except (OSError, SafetensorError) as error:
                raise OrganizerError(f"{file}: damaged ({error}); fetch this checkpoint again") from None

    def _chunk_size(self, model: PreTrainedModel) -> int:
        """Tokens of one forward pass, from the memory of the device."""
        if self._device.type == "cpu":
            return CPU_NODES
        return chunk_nodes(
            model.config,
            parameters=sum(weight.numel() for weight in model.parameters()),
            element=self._dtype.itemsize,
            context=self._context_length or 2048,
            device_bytes=device_bytes(self._device.type) * self._memory_share,
        )

    def loglikelihoods(self, requests: Requests) -> LogLikelihoods:
        """Score the continuations of all requests with the loaded weights.

        Raises OrganizerError when the device has too little memory, the architecture ignores attention masks, or a
        log-likelihood is not finite.
        """
        scored = retry_smaller(lambda: self._score(requests), self._use_smaller_chunks, self._too_large)
        if not np.isfinite(scored.values).all():
            remedy = "fetch or train it again"
            if self._dtype == torch.float16:
                remedy = "models trained in bfloat16 can exceed the range of float16: give --dtype float32"
            raise OrganizerError(f"{self._place()} gives log-likelihoods that are not finite; {remedy}")
        return scored

    def generate(self, prompts: Sequence[Sequence[int]], stop: Stop) -> Generations:
        """Generate a continuation of each prompt greedily. Shared prefixes of prompts are computed once.

        Raises OrganizerError when the device has too little memory.
        """
        return retry_smaller(lambda: self._generate(prompts, stop), self._use_smaller_chunks, self._too_large)

    def close(self) -> None:
        """Free the device."""
        self._model = self._loaded = self._ahead = None
        self._plans.clear()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    @torch.inference_mode()
    def _score(self, requests: Requests) -> LogLikelihoods:
        chunks = self._plan(requests)
        cores = torch.get_num_threads() if self._device.type == "cpu" else 1
        walks = [self._walk() for _ in range(max(1, min(cores, len(chunks) // _CHUNKS_A_WALK)))]
        scored = score_chunks(walks, chunks, threads=1 if self._is_small else max(1, cores // len(walks)))
        # The first wait for the device: until here all chunks were queued without one.
        token_values = torch.cat([values for values, _ in scored]).cpu().double().numpy()
        token_greedy = torch.cat([greedy for _, greedy in scored]).cpu().numpy()
        owners = np.concatenate([chunk.target_requests for chunk in chunks])
        values = np.bincount(owners, weights=token_values, minlength=len(requests))
        greedy = np.bincount(owners[~token_greedy], minlength=len(requests)) == 0
        computed = sum(walk.computed_tokens for walk in walks)
        return LogLikelihoods(values.astype(np.float32), greedy, computed)

    @torch.inference_mode()
    def _generate(self, prompts: Sequence[Sequence[int]], stop: Stop) -> Generations:
        walks: list[TreeWalk] = []

        def begin() -> BatchedGeneration:
            walks.append(self._walk())
            return BatchedGeneration(walks[-1].forward, walks[-1].cache, self._device, self._nodes)

        on_cores = self._device.type == "cpu" and self._is_small
        generated = continue_on_cores(begin, prompts, stop) if on_cores else begin().run(prompts, stop)
        return Generations(generated, sum(walk.computed_tokens for walk in walks))

    def _plan(self, requests: Requests) -> list[DeviceChunk]:
        """The chunks of all requests, on the device."""
        chunks = self._plans.get(requests)
        if chunks is None:
            self._check_against_plain_forward(requests)
            chunks = [on_device(chunk, self._device) for chunk in plan(requests, self._nodes)]
            self._plans[requests] = chunks
        return chunks

    def _walk(self) -> TreeWalk:
        if self._model is None:
            raise RuntimeError("load a checkpoint first")
        return TreeWalk(self._model, self._device, self._nodes)

    def _use_smaller_chunks(self) -> None:
        if self._nodes < self._most_nodes:
            raise self._too_large()
        self._nodes //= 2
        self._plans.clear()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _too_large(self) -> OrganizerError:
        return OrganizerError(
            f"{self._place()} does not fit into the memory of the device, even at {self._nodes:,} tokens per "
            "forward pass; free memory on the device, lower --workers, or use a larger device"
        )

    def _place(self) -> str:
        """The checkpoint that is loaded, for messages."""
        return f"{self._loaded.path}: {self._loaded}" if self._loaded else "no checkpoint"

    def _check_against_plain_forward(self, requests: Requests) -> None:
        """Compare one log-likelihood with a plain forward pass, because an architecture may ignore custom masks.

        Raises OrganizerError when they differ.
        """
        walk = self._walk()
        model = walk.model
        request = int(np.argmax(np.diff(requests.starts)))
        sequence = torch.as_tensor(requests.sequence(request), dtype=torch.long, device=self._device)
        context = int(requests.context_lengths[request])
        rows = torch.arange(context - 1, len(sequence) - 1, device=self._device)
        logits = model(input_ids=sequence[None, :-1], logits_to_keep=rows).logits[0].float()
        plain = logits.log_softmax(-1).gather(-1, sequence[context:, None]).sum().item()
        tree = 0.0
        for chunk in plan(_pair_around(requests, request), self._nodes):
            token_values, _ = walk.score(on_device(chunk, self._device))
            tree += float(token_values.cpu().double().numpy()[chunk.target_requests == 0].sum())
        if abs(tree - plain) > _SELF_CHECK_TOLERANCE[self._dtype] * max(1.0, abs(plain)):
            raise OrganizerError(
                f"{model.config.model_type} gives other scores with shared prefixes ({tree:.4f} instead of "
                f"{plain:.4f}); this architecture needs --engine vllm"
            )


@dataclass(frozen=True, slots=True)
class _Weights:
    """The tensors of one weight file, in memory."""

    file: Path
    tensors: dict[str, torch.Tensor]


def _size(files: Sequence[Path]) -> int:
    return sum(file.stat().st_size for file in files)


def _read(file: Path, dtype: torch.dtype, *, pin: bool) -> _Weights:
    """The tensors of a file; with `pin` in pinned memory and in the dtype given."""
    tensors = load_file(file)
    if pin:
        tensors = {name: tensor.to(dtype).pin_memory() for name, tensor in tensors.items()}
    return _Weights(file, tensors)


def _names(checkpoint: Checkpoint) -> set[str]:
    """The names of the tensors in the checkpoint's files."""
    names: set[str] = set()
    for file in weight_files(checkpoint):
        with safe_open(file, framework="pt") as tensors:
            names.update(tensors.keys())
    return names


def _build(checkpoint: Checkpoint, dtype: torch.dtype, device: torch.device) -> PreTrainedModel:
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            checkpoint.path,
            dtype=dtype,
            attn_implementation="sdpa",
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        reason = " ".join(str(error).split())[:200]
        raise OrganizerError(f"{checkpoint.path}: transformers cannot load it ({reason}); fetch it again") from None
    model, info = loaded
    if info["missing_keys"]:  # transformers would draw them at random
        missing = min(info["missing_keys"])
        raise OrganizerError(f"{checkpoint.path}: tensor {missing} is missing; fetch this checkpoint again")
    built: PreTrainedModel = model.to(device).eval()
    return built


def _pair_around(requests: Requests, request: int) -> Requests:
    """The request and another one that shares half of its context, so that the tree has a branch to mask."""
    sequence, context = requests.sequence(request), int(requests.context_lengths[request])
    half = max(1, context // 2)
    branch = np.concatenate([sequence[:half], sequence[:half][::-1], sequence[context:]])
    starts = np.asarray([0, len(sequence), len(sequence) + len(branch)])
    return Requests(np.concatenate([sequence, branch]), starts, np.asarray([context, 2 * half]))
