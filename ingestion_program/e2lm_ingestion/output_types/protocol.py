"""What an output type is: how a document becomes an item, how a model is asked it, and how its answer is scored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from e2lm_ingestion.engines import Engine
from e2lm_ingestion.metrics.builtin import MetricSpec
from e2lm_ingestion.output_types.questions import Document, Question
from e2lm_ingestion.task.task import Task
from e2lm_ingestion.task.task_parts import Filter, Metric

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Arrays = Mapping[str, np.ndarray]  # of items.npz or of a checkpoint, as docs/results-format.md names them


@dataclass(frozen=True, slots=True)
class Item:
    """One question.

    Its choices are those given, or the one text that is scored, or, where the model writes, the texts that are right.
    """

    contexts: tuple[str, ...]  # few-shot head + question: one, or one for each choice
    continuations: tuple[str, ...]  # as scored, target_delimiter included
    choices: tuple[str, ...]  # the texts without the delimiter: acc_norm divides by their length
    gold: tuple[int, ...]  # the numbers of the right choices
    target: str | None = None  # what doc_to_target gave, where it is a text
    options: tuple[str, ...] = ()  # the document's `choices`, where a filter looks for them in a written answer
    # of use to the checks alone
    head: int = field(default=0, compare=False)  # characters of description and examples at the start of a context
    description: str = field(default="", compare=False)  # its own, where items have different ones
    cluster: str = field(default="", compare=False)  # what it shares with other items, by the task's metadata

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The context and continuation of each choice."""
        contexts = self.contexts * len(self.continuations) if len(self.contexts) == 1 else self.contexts
        return list(zip(contexts, self.continuations, strict=True))


class Answers(Protocol):
    """The answers of one checkpoint's model to all items."""

    @property
    def computed_tokens(self) -> int:
        """Tokens that went through the model."""


class ItemSet(Protocol):
    """The items of one task or group. Picklable: encoding and asking may happen in another process."""

    @property
    def count(self) -> int:
        """How many items."""

    @property
    def chance(self) -> float | None:
        """The score that guessing gives; None where that has no meaning."""

    @property
    def subsets(self) -> list[tuple[str, int]]:
        """The name and number of items of each task of a group, in order; none of a task alone."""

    def encode(self, tokenizer: PreTrainedTokenizerBase, context_length: int) -> Any:  # noqa: ANN401 (for `score`)
        """What `score` needs, once for each engine group of checkpoints."""

    def score(self, engine: Engine, encoded: Any) -> Answers:  # noqa: ANN401 (of `encode`)
        """Ask the loaded model."""

    def item_arrays(self) -> dict[str, np.ndarray]:
        """What the items are, for metrics: the arrays of items.npz."""

    def arrays(self, answers: Any) -> dict[str, np.ndarray]:  # noqa: ANN401 (of `score`)
        """What is kept: `item_scores` (items,) float32, perhaps `contrast_scores`, and what they were made from."""


class TaskItemSet(ItemSet, Protocol):
    """The items of one task."""

    @property
    def task(self) -> Task:
        """The task."""


@dataclass(frozen=True, slots=True)
class Wording:
    """How `e2lm check` describes the items."""

    item: str  # what one asks; `{choices}` stands for how many choices it has
    continuation: str  # the line before the continuations


@dataclass(frozen=True, slots=True)
class OutputType:
    """One way to ask a model. All that differs between output types is here or in task/output_type_rules.py."""

    name: str
    wording: Wording
    question: Callable[[Document], Question]  # raises SubmissionError naming file and line
    # contexts (few-shot head and text), question, target_delimiter -> contexts and continuations of the Item
    join: Callable[[tuple[str, ...], Question, str], tuple[tuple[str, ...], tuple[str, ...]]]
    # raises SubmissionError for metrics and filters that do not fit the items, before a model is asked
    item_set: Callable[[Task, Sequence[Item]], TaskItemSet]
    # metric, filters, arrays of items.npz and of a checkpoint, whether a contrast is wanted -> `item_scores` and, where
    # items have wrong answers, `contrast_scores` under that metric, (items,) float32 each
    rescored: Callable[[Metric, MetricSpec, Sequence[Filter], Arrays, Arrays, bool], dict[str, np.ndarray]]
    chance: Callable[[MetricSpec, Arrays], float | None]  # the score of guessing; None where that has no meaning
    requested: Callable[[Item], Item]  # the item with those continuations alone that make a request, for the forecast
    windows: bool = False  # a long text is scored in several windows, so that none is too long
    has_choices: bool = False  # the checks guess among the choices, and look at the right one's place and wording
    writes: bool = False  # the model writes up to max_gen_toks tokens for each item
    scores_target: bool = False  # what doc_to_target renders is the text that is scored


def as_it_is(item: Item) -> Item:
    """Every continuation is a request."""
    return item
