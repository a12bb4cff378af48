"""What is asked of a model for each output type, and how its answers become a score per item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from e2lm_ingestion.encoding import Requests, encode
from e2lm_ingestion.engines import Engine, LogLikelihoods
from e2lm_ingestion.generation import Prompts, Texts, encode_prompts, exact_match, filtered, write
from e2lm_ingestion.item_metrics import Choices, choices_of, item_scores
from e2lm_ingestion.prompts import GenerationItem, Item, build_generation_items, build_items
from e2lm_ingestion.submission import Submission
from e2lm_ingestion.task import Task

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Answers(Protocol):
    """What one checkpoint's model says of all items."""

    @property
    def computed_tokens(self) -> int:
        """Tokens that went through the model."""


class Evaluation(Protocol):
    """The items of one task. Picklable: encoding and asking may happen in another process."""

    @property
    def count(self) -> int:
        """How many items."""

    @property
    def chance(self) -> float:
        """The score that guessing gives."""

    def encode(self, tokenizer: PreTrainedTokenizerBase, context_length: int) -> Any:  # noqa: ANN401 (for `ask`)
        """What `ask` needs, once for each family of checkpoints."""

    def ask(self, engine: Engine, encoded: Any) -> Answers:  # noqa: ANN401 (of `encode`)
        """Ask the loaded model."""

    def arrays(self, answers: Any) -> dict[str, np.ndarray]:  # noqa: ANN401 (of `ask`)
        """What is kept: `item_scores` (items,) float32 and what they were made from."""


def evaluation_of(submission: Submission) -> Evaluation:
    """Render the items and choose what to ask. Raises SubmissionError naming file and line."""
    task = submission.task
    if task.output_type == "generate_until":
        return GenerationEvaluation(build_generation_items(submission), task)
    return ChoiceEvaluation(build_items(submission), task.metric)


@dataclass(frozen=True)
class ChoiceEvaluation:
    """multiple_choice: the log-likelihood of every choice."""

    items: Sequence[Item]
    metric: str

    @cached_property
    def _choices(self) -> Choices:
        return choices_of(self.items)

    @property
    def count(self) -> int:
        """How many items."""
        return len(self.items)

    @property
    def chance(self) -> float:
        """The score that guessing gives."""
        return self._choices.chance

    def encode(self, tokenizer: PreTrainedTokenizerBase, context_length: int) -> Requests:
        """Every continuation after its context."""
        return encode(self.items, tokenizer, context_length)

    def ask(self, engine: Engine, encoded: Requests) -> LogLikelihoods:
        """Ask the loaded model."""
        return engine.loglikelihoods(encoded)

    def arrays(self, answers: LogLikelihoods) -> dict[str, np.ndarray]:
        """`item_scores` (items,), `loglikelihoods` and `greedy` (choices of all items,)."""
        return {
            "item_scores": item_scores(self.metric, answers.values, self._choices),
            "loglikelihoods": answers.values,
            "greedy": answers.greedy,
        }


@dataclass(frozen=True)
class GenerationEvaluation:
    """generate_until: the model writes, and what it wrote is compared."""

    items: Sequence[GenerationItem]
    task: Task

    @property
    def count(self) -> int:
        """How many items."""
        return len(self.items)

    @property
    def chance(self) -> float:
        """The score that guessing gives: a text is not hit by chance."""
        return 0.0

    def encode(self, tokenizer: PreTrainedTokenizerBase, context_length: int) -> Prompts:
        """Every prompt, and how to read what is written after it."""
        return encode_prompts(self.items, self.task.generation, tokenizer, context_length)

    def ask(self, engine: Engine, encoded: Prompts) -> Texts:
        """Ask the loaded model."""
        return write(engine, encoded)

    def arrays(self, answers: Texts) -> dict[str, np.ndarray]:
        """`item_scores` (items,); `generations`, all texts in UTF-8 as uint8; `generation_offsets` (items + 1,)."""
        encoded = [text.encode() for text in answers.texts]
        texts = [filtered(text, self.task.filters) for text in answers.texts]
        return {
            "item_scores": exact_match(texts, [item.reference for item in self.items], self.task.metric_list[0]),
            "generations": np.frombuffer(b"".join(encoded), dtype=np.uint8),
            "generation_offsets": np.cumsum([0, *map(len, encoded)]),
        }
