"""A group: several tasks, one after the other, whose items are subsets of the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from e2lm_ingestion.engines import Engine
from e2lm_ingestion.output_types.protocol import TaskItemSet

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class GroupAnswers:
    """One model's answers to the items of every task of a group."""

    parts: tuple[Any, ...]
    computed_tokens: int


@dataclass(frozen=True)
class GroupItemSet:
    """Several tasks, one after the other. Their items are subsets of the whole."""

    parts: tuple[TaskItemSet, ...]
    weight_by_size: bool

    @property
    def count(self) -> int:
        """How many items."""
        return sum(part.count for part in self.parts)

    @property
    def subsets(self) -> list[tuple[str, int]]:
        """The name and number of items of each task."""
        return [(part.task.task, part.count) for part in self.parts]

    @property
    def chance(self) -> float | None:
        """The weighted mean of the tasks'."""
        chances = [part.chance for part in self.parts]
        if any(chance is None for chance in chances):
            return None
        return float(np.average(np.asarray(chances, dtype=np.float64), weights=self._weights))

    @property
    def _weights(self) -> list[int]:
        return [part.count if self.weight_by_size else 1 for part in self.parts]

    def encode(self, tokenizer: PreTrainedTokenizerBase, context_length: int) -> list[Any]:
        """What each task needs."""
        return [part.encode(tokenizer, context_length) for part in self.parts]

    def score(self, engine: Engine, encoded: Sequence[Any]) -> GroupAnswers:
        """Ask the loaded model, task by task."""
        answers = tuple(part.score(engine, own) for part, own in zip(self.parts, encoded, strict=True))
        return GroupAnswers(answers, sum(own.computed_tokens for own in answers))

    def item_arrays(self) -> dict[str, np.ndarray]:
        """Those of the tasks, joined."""
        return _joined([part.item_arrays() for part in self.parts])

    def arrays(self, answers: GroupAnswers) -> dict[str, np.ndarray]:
        """Those of the tasks, joined."""
        return _joined([part.arrays(own) for part, own in zip(self.parts, answers.parts, strict=True)])


def _joined(parts: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Arrays one after the other; offsets go on where those before them ended."""
    joined = {}
    for name in (name for name in parts[0] if all(name in part for part in parts)):
        arrays = [part[name] for part in parts]
        if name.endswith("offsets"):
            sizes = np.concatenate([np.diff(array) for array in arrays])
            joined[name] = np.cumsum([0, *sizes])
        else:
            joined[name] = np.concatenate(arrays)
    return joined
