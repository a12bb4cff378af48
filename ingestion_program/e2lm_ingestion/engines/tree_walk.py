"""Forward passes over the chunks of a prefix tree, with the keys and values of the current stem kept."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from transformers import DynamicCache

from e2lm_ingestion.engines.prefix_tree import Chunk, shared_length

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True, slots=True)
class DeviceChunk:
    """A `Chunk` with its tensors on the device, where they serve all checkpoints of an engine group."""

    stem: np.ndarray  # (stem,) int32
    tokens: torch.Tensor  # (nodes,) int32
    positions: torch.Tensor  # (nodes,) int32
    subtree_ends: torch.Tensor  # (nodes,) int32
    rows: torch.Tensor  # (rows,) int32: the nodes that predict a target
    row_of_target: torch.Tensor  # (targets,) int32, index into rows
    target_tokens: torch.Tensor  # (targets,) int32
    target_requests: np.ndarray  # (targets,) int64


def on_device(chunk: Chunk, device: torch.device) -> DeviceChunk:
    rows, row_of_target = np.unique(chunk.target_nodes, return_inverse=True)

    def move(array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array.astype(np.int32)).to(device)

    return DeviceChunk(
        stem=chunk.stem,
        tokens=move(chunk.tokens),
        positions=move(chunk.positions),
        subtree_ends=move(chunk.subtree_ends),
        rows=move(rows),
        row_of_target=move(row_of_target),
        target_tokens=move(chunk.target_tokens),
        target_requests=chunk.target_requests,
    )


def ancestors(subtree_ends: torch.Tensor) -> torch.Tensor:
    """(nodes, nodes) bool: whether a node (row) attends to another (column), for `Chunk.subtree_ends`."""
    node = torch.arange(len(subtree_ends), device=subtree_ends.device, dtype=subtree_ends.dtype)
    return (node[None, :] <= node[:, None]) & (node[:, None] < subtree_ends[None, :])


class TreeWalk:
    """Visits the chunks of a prefix tree in order and keeps the keys and values of the current stem.

    Nothing here waits for the device.
    """

    def __init__(self, model: PreTrainedModel, device: torch.device, max_nodes: int) -> None:
        self.model = model
        self._device = device
        self._max_nodes = max_nodes
        self.cache = DynamicCache(config=model.config)
        self._stem = np.empty(0, dtype=np.int32)
        self.computed_tokens = 0

    def score(self, chunk: DeviceChunk) -> tuple[torch.Tensor, torch.Tensor]:
        """For each target its log-probability, (targets,) float32, and whether it is the most likely token, bool."""
        self._move_to(chunk.stem)
        visible = ancestors(chunk.subtree_ends)
        logits = self._forward(chunk.tokens.long(), chunk.positions.long(), visible, chunk.rows.long()).float()
        self.cache.crop(-len(chunk.tokens))
        row, target = chunk.row_of_target.long(), chunk.target_tokens.long()
        largest, most_likely = logits.max(-1)
        values = logits[row, target] - largest[row]
        log_sums = logits.sub_(largest[:, None]).exp_().sum(-1).log_()
        return values - log_sums[row], most_likely[row] == target

    def _move_to(self, stem: np.ndarray) -> None:
        kept = shared_length(self._stem, stem)
        if kept < len(self._stem):
            self.cache.crop(kept - len(self._stem))
        for begin in range(kept, len(stem), self._max_nodes):
            tokens = torch.from_numpy(stem[begin : begin + self._max_nodes]).to(self._device).long()
            positions = torch.arange(begin, begin + len(tokens), device=self._device)
            visible = torch.ones(len(tokens), len(tokens), dtype=torch.bool, device=self._device).tril_()
            self._forward(tokens, positions, visible, positions[:1] - begin)
        self._stem = stem

    def _forward(
        self, tokens: torch.Tensor, positions: torch.Tensor, visible: torch.Tensor, rows: torch.Tensor
    ) -> torch.Tensor:
        """`forward` for tokens that see all of the cache; `visible`: (tokens, tokens) bool."""
        cached = torch.ones(len(tokens), self.cache.get_seq_length(), dtype=torch.bool, device=self._device)
        return self.forward(tokens, positions, torch.cat([cached, visible], dim=1), rows)

    def forward(
        self, tokens: torch.Tensor, positions: torch.Tensor, visible: torch.Tensor, rows: torch.Tensor
    ) -> torch.Tensor:
        """Logits of `rows`, (rows, vocabulary). `visible`: (tokens, cached + tokens) bool, what each token sees."""
        self.computed_tokens += len(tokens)
        # Added to attention scores. A mask of bool would be turned into this one in every layer.
        mask = torch.zeros(visible.shape, dtype=self.model.dtype, device=self._device)
        mask.masked_fill_(visible.logical_not(), -torch.inf)
        output = self.model(
            input_ids=tokens[None],
            position_ids=positions[None],
            attention_mask=mask[None, None],
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=rows,
        )
        logits: torch.Tensor = output.logits[0]
        return logits


def score_chunks(walks: Sequence[TreeWalk], chunks: Sequence[DeviceChunk]) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """`TreeWalk.score` of each chunk, in the order of `chunks`. Each walk takes a run of them, in a thread of its own.

    A CPU's cores work on chunks of their own rather than share each operation: those of a small model are too short to
    be worth dividing. The stem at which a run begins is computed once more.
    """
    if len(walks) == 1:
        return [walks[0].score(chunk) for chunk in chunks]
    threads = torch.get_num_threads()
    for_each = max(1, threads // len(walks))

    def score_run(walk: TreeWalk, run: Sequence[DeviceChunk]) -> list[tuple[torch.Tensor, torch.Tensor]]:
        with torch.inference_mode():
            return [walk.score(chunk) for chunk in run]

    try:
        with ThreadPoolExecutor(len(walks), initializer=torch.set_num_threads, initargs=(for_each,)) as pool:
            scored = pool.map(score_run, walks, _runs(chunks, len(walks)))
            return [one for run in scored for one in run]
    finally:
        torch.set_num_threads(threads)


def _runs(chunks: Sequence[DeviceChunk], count: int) -> list[Sequence[DeviceChunk]]:
    """Consecutive chunks in `count` runs of about the same number of pairs of tokens that attend to each other."""
    pairs = np.cumsum([len(chunk.tokens) * (len(chunk.stem) + len(chunk.tokens)) for chunk in chunks])
    ends = np.searchsorted(pairs, pairs[-1] * np.arange(1, count) / count) + 1
    return [chunks[begin:end] for begin, end in pairwise([0, *ends.tolist(), len(chunks)])]
