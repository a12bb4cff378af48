"""The transformers engine, on a CPU or one GPU. Tokens of shared prefixes are computed once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import transformers
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, DynamicCache

from e2lm_ingestion.engines import Generations, LogLikelihoods, Stop
from e2lm_ingestion.engines.device import describe_device, resolve_dtype
from e2lm_ingestion.engines.prefix_tree import Chunk, plan, shared_length
from e2lm_ingestion.engines.requests import Requests
from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.suite import Checkpoint, weight_files

if TYPE_CHECKING:
    from transformers import PreTrainedModel

transformers.logging.disable_progress_bar()  # the sweep has its own

MAX_NODES = 512
# Relative tolerance. A wrong mask changes a log-likelihood by whole nats, rounding by far less than this.
_SELF_CHECK_TOLERANCE = {torch.float32: 1e-3, torch.float16: 0.05, torch.bfloat16: 0.2}


class TransformersEngine:
    """Engine for one engine group of checkpoints: builds the model once and swaps weights in place."""

    def __init__(self, dtype: str = "auto") -> None:
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._dtype: torch.dtype = getattr(torch, resolve_dtype(dtype, self._device.type))
        self._model: PreTrainedModel | None = None
        self._planned: tuple[Requests, list[Chunk]] | None = None

    @property
    def description(self) -> dict[str, str]:
        """Everything about the engine that results depend on: its name, dtype, device and versions."""
        return {
            "name": "transformers",
            "dtype": str(self._dtype).removeprefix("torch."),
            **describe_device(self._device.type),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        }

    def load(self, checkpoint: Checkpoint, group_size: int = 1) -> None:
        """Load a checkpoint's weights. Raises OrganizerError when they do not belong to this engine group."""
        if self._model is None:
            self._model = _build(checkpoint, self._dtype, self._device)
            return
        own = self._model.state_dict()
        tied = set(getattr(self._model, "all_tied_weights_keys", None) or ())
        loaded: set[str] = set()
        for file in weight_files(checkpoint):
            for name, tensor in load_file(file).items():
                if name not in own or own[name].shape != tensor.shape:
                    raise OrganizerError(f"{file}: tensor {name} does not fit this engine group; fetch the file again")
                own[name].copy_(tensor)
                loaded.add(name)
        if missing := set(own) - loaded - tied:
            raise OrganizerError(f"{checkpoint.path}: tensor {min(missing)} is missing; fetch this checkpoint again")

    @torch.inference_mode()
    def loglikelihoods(self, requests: Requests) -> LogLikelihoods:
        """Score the continuations of all requests with the loaded weights."""
        if self._planned is None or self._planned[0] is not requests:
            self._planned = (requests, plan(requests, MAX_NODES))
            self._check_against_plain_forward(requests)
        values = np.zeros(len(requests))
        greedy = np.ones(len(requests), dtype=bool)
        walk = _Walk(self._loaded(), self._device)
        for chunk in self._planned[1]:
            token_values, token_greedy = walk.score(chunk)
            np.add.at(values, chunk.target_requests, token_values)
            np.logical_and.at(greedy, chunk.target_requests, token_greedy)
        return LogLikelihoods(values.astype(np.float32), greedy, walk.computed_tokens)

    @torch.inference_mode()
    def generate(self, prompts: Sequence[Sequence[int]], stop: Stop) -> Generations:
        """Generate a continuation of each prompt greedily. Shared prefixes of prompts are computed once."""
        walk = _Walk(self._loaded(), self._device)
        generated: list[list[int]] = [[] for _ in prompts]
        for number in sorted(range(len(prompts)), key=lambda number: list(prompts[number])):
            generated[number] = walk.generate(prompts[number], stop)
        return Generations(generated, walk.computed_tokens)

    def close(self) -> None:
        """Free the device."""
        self._model = self._planned = None
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _loaded(self) -> PreTrainedModel:
        if self._model is None:
            raise RuntimeError("load a checkpoint first")
        return self._model

    def _check_against_plain_forward(self, requests: Requests) -> None:
        """Compare one log-likelihood with a plain forward pass, because an architecture may ignore custom masks.

        Raises OrganizerError when they differ.
        """
        model = self._loaded()
        request = int(np.argmax(np.diff(requests.starts)))
        sequence = torch.as_tensor(requests.sequence(request), dtype=torch.long, device=self._device)
        context = int(requests.context_lengths[request])
        logits = model(input_ids=sequence[None, :-1]).logits[0, context - 1 :].float()
        plain = logits.log_softmax(-1).gather(-1, sequence[context:, None]).sum().item()
        pair = _pair_around(requests, request)
        walk = _Walk(model, self._device)
        tree = 0.0
        for chunk in plan(pair, MAX_NODES):
            token_values, _ = walk.score(chunk)
            tree += float(token_values[chunk.target_requests == 0].sum())
        if abs(tree - plain) > _SELF_CHECK_TOLERANCE[self._dtype] * max(1.0, abs(plain)):
            raise OrganizerError(
                f"{model.config.model_type} gives other scores with shared prefixes ({tree:.4f} instead of "
                f"{plain:.4f}); this architecture needs --engine vllm"
            )


class _Walk:
    """Visits the chunks of a prefix tree in order and keeps the keys and values of the current stem."""

    def __init__(self, model: PreTrainedModel, device: torch.device) -> None:
        self._model = model
        self._device = device
        self._cache = DynamicCache(config=model.config)
        self._stem = np.empty(0, dtype=np.int32)
        self.computed_tokens = 0

    def score(self, chunk: Chunk) -> tuple[np.ndarray, np.ndarray]:
        """For each target its log-probability, (targets,) float64, and whether it is the most likely token, bool."""
        self._move_to(chunk.stem)
        rows, row_of_target = np.unique(chunk.target_nodes, return_inverse=True)
        logits = self._forward(
            chunk.tokens, chunk.positions, torch.from_numpy(chunk.ancestor_mask())[None, None], torch.from_numpy(rows)
        )
        self._cache.crop(-len(chunk.tokens))
        log_probabilities = logits.float().log_softmax(-1)
        row_index = torch.as_tensor(row_of_target, device=self._device)
        targets = torch.as_tensor(chunk.target_tokens, device=self._device)
        values = log_probabilities[row_index, targets]
        greedy = log_probabilities.argmax(-1)[row_index] == targets
        return values.double().cpu().numpy(), greedy.cpu().numpy()

    def generate(self, prompt: Sequence[int], stop: Stop) -> list[int]:
        """The greedy continuation of a prompt, including the token that ends it."""
        self._move_to(np.asarray(prompt[:-1], dtype=np.int32))
        generated: list[int] = []
        token = prompt[-1]
        while not stop.reached(generated):
            position = len(self._stem)
            mask = torch.ones(1, 1, 1, position + 1, dtype=torch.bool)
            logits = self._forward(np.asarray([token]), np.asarray([position]), mask, torch.tensor([0]))
            self._stem = np.append(self._stem, np.int32(token))
            token = int(logits[0].float().argmax())
            generated.append(token)
        return generated

    def _move_to(self, stem: np.ndarray) -> None:
        kept = shared_length(self._stem, stem)
        if kept < len(self._stem):
            self._cache.crop(kept - len(self._stem))
        for begin in range(kept, len(stem), MAX_NODES):
            piece = stem[begin : begin + MAX_NODES]
            own = torch.ones(len(piece), len(piece), dtype=torch.bool).tril()
            mask = torch.cat([torch.ones(len(piece), begin, dtype=torch.bool), own], dim=1)
            self._forward(piece, np.arange(begin, begin + len(piece)), mask[None, None], torch.tensor([0]))
        self._stem = stem

    def _forward(
        self, tokens: np.ndarray, positions: np.ndarray, mask: torch.Tensor, rows: torch.Tensor
    ) -> torch.Tensor:
        self.computed_tokens += len(tokens)
        output = self._model(
            input_ids=torch.as_tensor(tokens, dtype=torch.long, device=self._device)[None],
            position_ids=torch.as_tensor(positions, device=self._device)[None],
            attention_mask=mask.to(self._device),
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=rows.to(self._device),
        )
        logits: torch.Tensor = output.logits[0]
        return logits


def _build(checkpoint: Checkpoint, dtype: torch.dtype, device: torch.device) -> PreTrainedModel:
    try:
        model: Any = AutoModelForCausalLM.from_pretrained(
            checkpoint.path, dtype=dtype, attn_implementation="sdpa", local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        reason = " ".join(str(error).split())[:200]
        raise OrganizerError(f"{checkpoint.path}: transformers cannot load it ({reason}); fetch it again") from None
    built: PreTrainedModel = model.to(device).eval()
    return built


def _pair_around(requests: Requests, request: int) -> Requests:
    """The request and another one that shares half of its context, so that the tree has a branch to mask."""
    sequence, context = requests.sequence(request), int(requests.context_lengths[request])
    half = max(1, context // 2)
    branch = np.concatenate([sequence[:half], sequence[:half][::-1], sequence[context:]])
    starts = np.asarray([0, len(sequence), len(sequence) + len(branch)])
    return Requests(np.concatenate([sequence, branch]), starts, np.asarray([context, 2 * half]))
