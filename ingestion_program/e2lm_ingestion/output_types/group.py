"""A group: several tasks, one after the other, whose items are subsets of the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from e2lm_ingestion.engines import Engine, LogLikelihoods
from e2lm_ingestion.engines.requests import Requests, join_requests
from e2lm_ingestion.output_types.choices import ChoiceAnswers, ChoiceLayout, ChoiceRequests
from e2lm_ingestion.output_types.protocol import TaskItemSet

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class GroupRequests:
    """The requests of all tasks in one, so that the engine does not wait for the last of a task before the next."""

    requests: Requests
    layouts: tuple[ChoiceLayout, ...]

    def answers(self, scored: LogLikelihoods) -> tuple[ChoiceAnswers, ...]:
        """The answers of each task."""
        ends = np.cumsum([len(layout.owners) for layout in self.layouts])[:-1]
        parts = zip(self.layouts, np.split(scored.values, ends), np.split(scored.greedy, ends), strict=True)
        return tuple(layout.answers(LogLikelihoods(values, greedy, 0)) for layout, values, greedy in parts)


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

    def encode(self, tokenizer: PreTrainedTokenizerBase, context_length: int) -> GroupRequests | list[Any]:
        """The requests of all tasks; where a task generates, what each task needs."""
        parts = [part.encode(tokenizer, context_length) for part in self.parts]
        if not all(isinstance(part, ChoiceRequests) for part in parts):
            return parts
        return GroupRequests(join_requests([part.requests for part in parts]), tuple(part.layout for part in parts))

    def score(self, engine: Engine, encoded: GroupRequests | Sequence[Any]) -> GroupAnswers:
        """Ask the loaded model."""
        if isinstance(encoded, GroupRequests):
            scored = engine.loglikelihoods(encoded.requests)
            return GroupAnswers(encoded.answers(scored), scored.computed_tokens)
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
