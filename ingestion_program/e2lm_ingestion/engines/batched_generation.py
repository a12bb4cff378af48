"""Greedy generation for many prompts in one forward pass, for the transformers engine.

All prompts that are being continued lie one after the other in one cache, shared prefixes only once. A mask lets each
token see the columns of its own prompt and of what was written after it. A text that ends leaves the batch; when half
of the batch has ended, its columns are dropped and the next prompts take their place.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import torch
from transformers import DynamicCache
from transformers.cache_utils import CacheLayerMixin

from e2lm_ingestion.engines import Stop
from e2lm_ingestion.engines.prefix_tree import shared_length

RUNS, PROMPTS_A_RUN = 8, 64  # at most so many runs, of at least so many prompts, in threads of their own
DECODED = 4096  # texts that a run remembers
SEQUENCES = 128  # continued at the same time, at most; more cost more in attention than they save in passes
ROOM = 4  # columns of the cache, what will be written included, in multiples of the tokens of one forward pass

# token ids, positions (tokens,), what each token sees of the cache and of the tokens (tokens, columns), rows -> logits
Forward = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


@dataclass(slots=True)
class _Sequence:
    """A prompt that is being continued."""

    number: int
    room: np.ndarray  # begins with `columns`; the rest is for what will be written
    length: int
    token: int  # whose keys and values come next
    written: list[int] = field(default_factory=list)

    @property
    def columns(self) -> np.ndarray:
        """Of the cache: the prompt without its last token, then what was written."""
        return self.room[: self.length]


class BatchedGeneration:
    """Continues prompts in batches; one use for one call of `generate`."""

    def __init__(self, forward: Forward, cache: DynamicCache, device: torch.device, max_nodes: int) -> None:
        """`forward` adds the tokens to `cache`, which is empty; at most `max_nodes` tokens in a forward pass."""
        self._forward, self._cache, self._device, self._max_nodes = forward, cache, device, max_nodes
        self._columns = 0  # of the cache
        self._stem, self._stem_columns = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)

    def run(self, prompts: Sequence[Sequence[int]], stop: Stop) -> list[list[int]]:
        """The greedy continuation of each prompt, including the token that ends it."""
        generated: list[list[int]] = [[] for _ in prompts]
        waiting = deque(_in_order(prompts) if not stop.reached([]) else [])
        active: list[_Sequence] = []
        started = 0
        # Models write the same texts after many prompts, and decoding one takes as long as much of a forward pass.
        reached = lru_cache(DECODED)(stop.reached)
        while waiting or active:
            if waiting and len(active) <= started // 2:
                self._drop_columns(active)
                active += self._admit(waiting, prompts, active, stop.max_tokens)
                started = len(active)
            self._step(active)
            for sequence in active:
                generated[sequence.number] = sequence.written
            active = [sequence for sequence in active if not reached(tuple(sequence.written))]
        return generated

    def _admit(
        self, waiting: deque[int], prompts: Sequence[Sequence[int]], active: Sequence[_Sequence], most: int
    ) -> list[_Sequence]:
        """Compute the next prompts, as many as there is room for, and at least one if nothing else is active."""
        admitted: list[_Sequence] = []
        tokens: list[np.ndarray] = []
        seen: list[np.ndarray] = []  # for each new token, the columns that it sees before its own prompt's new ones
        end = self._columns
        left = sum(most - len(sequence.written) for sequence in active)  # tokens that may still be written
        while waiting and len(active) + len(admitted) < SEQUENCES:
            prompt = np.asarray(prompts[waiting[0]], dtype=np.int64)
            stem = prompt[:-1]
            shared = shared_length(self._stem, stem)
            left += most
            if (active or admitted) and end + len(stem) - shared + left > ROOM * self._max_nodes:
                break
            new = np.arange(end, end + len(stem) - shared)
            columns = np.concatenate([self._stem_columns[:shared], new])
            tokens.append(stem[shared:])
            seen += [columns[: shared + at] for at in range(len(new))]
            end += len(new)
            self._stem, self._stem_columns = stem, columns
            room = np.concatenate([columns, np.zeros(most, dtype=np.int64)])
            admitted.append(_Sequence(waiting.popleft(), room, len(columns), int(prompt[-1])))
        if seen:
            self._compute(np.concatenate(tokens), seen)
        return admitted

    def _compute(self, tokens: np.ndarray, seen: Sequence[np.ndarray]) -> None:
        """Add tokens to the cache, each of which sees the columns given and itself."""
        for begin in range(0, len(tokens), self._max_nodes):
            piece = slice(begin, begin + self._max_nodes)
            self._pass(tokens[piece], seen[piece], rows=1)

    def _step(self, active: Sequence[_Sequence]) -> None:
        """Write the next token of each sequence."""
        tokens = np.asarray([sequence.token for sequence in active], dtype=np.int64)
        column = self._columns
        logits = self._pass(tokens, [sequence.columns for sequence in active], rows=len(active))
        for at, (sequence, token) in enumerate(zip(active, logits.float().argmax(-1).tolist(), strict=True)):
            sequence.room[sequence.length] = column + at
            sequence.length += 1
            sequence.token = token
            sequence.written.append(token)

    def _pass(self, tokens: np.ndarray, seen: Sequence[np.ndarray], rows: int) -> torch.Tensor:
        """One forward pass; the logits of the first `rows` tokens."""
        count = len(tokens)
        visible = np.zeros((count, self._columns + count), dtype=bool)
        visible[np.repeat(np.arange(count), [len(own) for own in seen]), np.concatenate(list(seen))] = True
        visible[np.arange(count), self._columns + np.arange(count)] = True
        positions = np.asarray([len(own) for own in seen], dtype=np.int64)
        self._columns += count
        return self._forward(
            torch.from_numpy(tokens).to(self._device),
            torch.from_numpy(positions).to(self._device),
            torch.from_numpy(visible).to(self._device),
            torch.arange(rows, device=self._device),
        )

    def _drop_columns(self, active: Sequence[_Sequence]) -> None:
        """Keep the columns of active sequences alone, and of the prompt that the next one may share a prefix with."""
        kept = np.unique(np.concatenate([self._stem_columns, *(sequence.columns for sequence in active)]))
        if len(kept) == self._columns:
            return
        place = np.zeros(self._columns, dtype=np.int64)
        place[kept] = np.arange(len(kept))
        index = torch.from_numpy(kept).to(self._device)
        for layer in self._cache.layers:
            if isinstance(layer, CacheLayerMixin) and layer.keys is not None and layer.values is not None:
                layer.keys, layer.values = layer.keys.index_select(-2, index), layer.values.index_select(-2, index)
        for sequence in active:
            sequence.columns[:] = place[sequence.columns]
        self._stem_columns = place[self._stem_columns]
        self._columns = len(kept)


def continue_on_cores(
    begin: Callable[[], BatchedGeneration], prompts: Sequence[Sequence[int]], stop: Stop
) -> list[list[int]]:
    """The greedy continuation of each prompt by a small model on a CPU, each core with batches of its own.

    The operations of a small model are too short to be divided among cores. Into which runs the prompts are divided
    follows from their number alone, so that the number of cores changes no result. `begin` starts a run.
    """
    count = max(1, min(RUNS, len(prompts) // PROMPTS_A_RUN))
    runs = [part.tolist() for part in np.array_split(np.asarray(_in_order(prompts), dtype=np.int64), count)]
    generated: list[list[int]] = [[] for _ in prompts]

    def write(run: list[int]) -> None:
        with torch.inference_mode():
            written = begin().run([prompts[number] for number in run], stop)
        for number, tokens in zip(run, written, strict=True):
            generated[number] = tokens

    cores = min(count, torch.get_num_threads())
    with ThreadPoolExecutor(cores, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        list(pool.map(write, runs))
    return generated


def _in_order(prompts: Sequence[Sequence[int]]) -> list[int]:
    """The numbers of the prompts in lexicographic order, in which neighbours share prefixes."""
    return sorted(range(len(prompts)), key=lambda number: list(prompts[number]))
