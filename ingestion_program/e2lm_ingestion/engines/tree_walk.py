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


@dataclass(frozen=True, slots=True)
class StemPart:
    """Tokens of a stem that one forward pass computes."""

    begin: int  # position of the first
    tokens: np.ndarray  # (tokens,) int32


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
        self.max_nodes = max_nodes
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

    def begin_at(self, stem: np.ndarray, parts: Sequence[StemPart]) -> None:
        """Compute a stem in the parts in which a walk over all chunks before would have computed it.

        Its keys and values are then those of that walk, to the last bit.
        """
        for part in parts:
            self._crop(part.begin)
            self._extend(part)
        self._crop(len(stem))
        self._stem = stem

    def _move_to(self, stem: np.ndarray) -> None:
        self._crop(shared_length(self._stem, stem))
        for part in _new_parts(self._stem, stem, self.max_nodes):
            self._extend(part)
        self._stem = stem

    def _crop(self, length: int) -> None:
        if length < self.cache.get_seq_length():
            self.cache.crop(length - self.cache.get_seq_length())

    def _extend(self, part: StemPart) -> None:
        tokens = torch.from_numpy(part.tokens).to(self._device).long()
        positions = torch.arange(part.begin, part.begin + len(tokens), device=self._device)
        visible = torch.ones(len(tokens), len(tokens), dtype=torch.bool, device=self._device).tril_()
        self._forward(tokens, positions, visible, positions[:1] - part.begin)

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


def score_chunks(
    walks: Sequence[TreeWalk], chunks: Sequence[DeviceChunk], threads: int
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """`TreeWalk.score` of each chunk, in the order of `chunks`. Each walk takes a run of them, in `threads` of a CPU.

    A CPU's cores work on chunks of their own rather than share each operation: those of a small model are too short to
    be worth dividing. The stem at which a run begins is computed once more, in the same parts, so that the number of
    threads changes no result.
    """
    own = torch.get_num_threads()
    runs = _runs(chunks, len(walks))
    beginnings = _parts_at(chunks, runs, walks[0].max_nodes)

    def score_run(
        walk: TreeWalk, run: Sequence[DeviceChunk], parts: Sequence[StemPart]
    ) -> list[tuple[torch.Tensor, torch.Tensor]]:
        with torch.inference_mode():
            if run:
                walk.begin_at(run[0].stem, parts)
            return [walk.score(chunk) for chunk in run]

    try:
        if len(walks) == 1:
            torch.set_num_threads(threads)
            return [walks[0].score(chunk) for chunk in chunks]
        with ThreadPoolExecutor(len(walks), initializer=torch.set_num_threads, initargs=(threads,)) as pool:
            scored = pool.map(score_run, walks, runs, beginnings)
            return [one for run in scored for one in run]
    finally:
        torch.set_num_threads(own)


def _runs(chunks: Sequence[DeviceChunk], count: int) -> list[Sequence[DeviceChunk]]:
    """Consecutive chunks in `count` runs of about the same number of pairs of tokens that attend to each other."""
    pairs = np.cumsum([len(chunk.tokens) * (len(chunk.stem) + len(chunk.tokens)) for chunk in chunks])
    ends = np.searchsorted(pairs, pairs[-1] * np.arange(1, count) / count) + 1
    return [chunks[begin:end] for begin, end in pairwise([0, *ends.tolist(), len(chunks)])]


def _parts_at(
    chunks: Sequence[DeviceChunk], runs: Sequence[Sequence[DeviceChunk]], max_nodes: int
) -> list[list[StemPart]]:
    """The parts in which one walk over all chunks would have computed the stem of each run's first chunk."""
    starts = np.cumsum([0, *(len(run) for run in runs)])[:-1].tolist()
    found: dict[int, list[StemPart]] = {len(chunks): []}
    stem, parts = np.empty(0, dtype=np.int32), list[StemPart]()
    for number, chunk in enumerate(chunks):
        kept = shared_length(stem, chunk.stem)
        parts = [part for part in parts if part.begin < kept] + _new_parts(stem, chunk.stem, max_nodes)
        stem = chunk.stem
        if number in starts:
            found[number] = parts
    return [found[start] for start in starts]


def _new_parts(before: np.ndarray, stem: np.ndarray, max_nodes: int) -> list[StemPart]:
    """What a walk computes to move from one stem to another."""
    kept = shared_length(before, stem)
    return [StemPart(begin, stem[begin : begin + max_nodes]) for begin in range(kept, len(stem), max_nodes)]
