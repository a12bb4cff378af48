"""What is asked of a model for each output type, and how its answers become a score per item."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from e2lm_ingestion.encoding import Requests, encode, encode_windows
from e2lm_ingestion.engines import Engine
from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.generation import Prompts, Texts, encode_prompts, filtered, packed, text_scores, write
from e2lm_ingestion.item_metrics import chance, choice_columns
from e2lm_ingestion.prompts import Item, items_by_task
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

    def encode(self, tokenizer: PreTrainedTokenizerBase, context_length: int) -> Any:  # noqa: ANN401 (for `ask`)
        """What `ask` needs, once for each family of checkpoints."""

    def ask(self, engine: Engine, encoded: Any) -> Answers:  # noqa: ANN401 (of `encode`)
        """Ask the loaded model."""

    def item_arrays(self) -> dict[str, np.ndarray]:
        """What the items are, for metrics: the arrays of items.npz."""

    def arrays(self, answers: Any) -> dict[str, np.ndarray]:  # noqa: ANN401 (of `ask`)
        """What is kept: `item_scores` (items,) float32 and what they were made from."""


def evaluation_of(submission: Submission) -> Evaluation:
    """Render the items and choose what to ask. Raises SubmissionError naming file and line."""
    return evaluation_of_items(submission, items_by_task(submission))


def evaluation_of_items(submission: Submission, items: Mapping[str, Sequence[Item]]) -> Evaluation:
    """The same for items that are rendered already, by the name of their task."""
    parts = [_evaluation(task, items[task.task]) for task in submission.tasks.values()]
    return parts[0] if len(parts) == 1 else GroupEvaluation(tuple(parts), submission.weight_by_size)


def _evaluation(task: Task, items: Sequence[Item]) -> ChoiceEvaluation | GenerationEvaluation:
    if task.output_type == "generate_until":
        generation = GenerationEvaluation(items, task)
        generation.arrays(Texts([""] * len(items), 0))  # a pattern that cannot be run is refused before a model is
        return generation
    choices = ChoiceEvaluation(items, task)
    if any(metric.metric == "f1" for metric in task.metric_list) and {len(item.choices) for item in items} != {2}:
        raise SubmissionError("metric_list: f1 is of two choices, the second of which is sought; some items have more")
    choices.arrays(choices.guess())  # arithmetic that these items do not fit is refused before a model is asked
    return choices


@dataclass(frozen=True, slots=True)
class ChoiceRequests:
    """The requests of one family, and what each is part of."""

    requests: Requests
    owners: np.ndarray  # (requests,) the choice that each scores, or, from `choices` on, an unconditional text
    choices: int
    unconditional: np.ndarray | None  # (choices,) the unconditional text of each choice
    tokens: np.ndarray  # (choices,) int32: how many tokens of each choice are scored


@dataclass(frozen=True, slots=True)
class ChoiceAnswers:
    """What one model says of every choice."""

    loglikelihoods: np.ndarray  # (choices,) float32, nats
    greedy: np.ndarray  # (choices,) bool
    tokens: np.ndarray  # (choices,) int32
    unconditional: np.ndarray | None  # (choices,) float32, nats: without the prompt
    computed_tokens: int


@dataclass(frozen=True)
class ChoiceEvaluation:
    """multiple_choice, loglikelihood and loglikelihood_rolling: the log-likelihood of every choice."""

    items: Sequence[Item]
    task: Task

    @property
    def count(self) -> int:
        """How many items."""
        return len(self.items)

    @property
    def subsets(self) -> list[tuple[str, int]]:
        """None: it is a task alone."""
        return []

    @property
    def chance(self) -> float | None:
        """The score of a model to which all choices are alike, for metrics that guessing has a score under."""
        guessed = self.task.metric_list[0].is_guessed(self.task.output_type)
        return chance(self.task.measure, self._item_arrays) if guessed else None

    def encode(self, tokenizer: PreTrainedTokenizerBase, context_length: int) -> ChoiceRequests:
        """Every choice after its context; a long rolling text in windows."""
        pairs = [pair for item in self.items for pair in item.pairs]
        unconditional = None
        if self.task.output_type == "loglikelihood_rolling":
            requests, owners = encode_windows([text for _, text in pairs], tokenizer, context_length)
        else:
            distinct: dict[str, int] = {}
            if self.task.unconditional:
                numbers = [distinct.setdefault(text, len(distinct)) for _, text in pairs]
                unconditional = np.asarray(numbers, dtype=np.int64)
            requests = encode([*pairs, *(("", text) for text in distinct)], tokenizer, context_length)
            owners = np.arange(len(requests))
        scored = np.diff(requests.starts) - requests.context_lengths
        tokens = np.bincount(owners, weights=scored, minlength=len(pairs))[: len(pairs)].astype(np.int32)
        return ChoiceRequests(requests, owners, len(pairs), unconditional, tokens)

    def ask(self, engine: Engine, encoded: ChoiceRequests) -> ChoiceAnswers:
        """Ask the loaded model."""
        said = engine.loglikelihoods(encoded.requests)
        count = max(encoded.choices, int(encoded.owners[-1]) + 1)
        values = np.bincount(encoded.owners, weights=said.values, minlength=count).astype(np.float32)
        missed = np.bincount(encoded.owners, weights=~said.greedy, minlength=count)
        without = None if encoded.unconditional is None else values[encoded.choices + encoded.unconditional]
        n = encoded.choices
        return ChoiceAnswers(values[:n], missed[:n] == 0, encoded.tokens, without, said.computed_tokens)

    def guess(self) -> ChoiceAnswers:
        """What a model would say that gives every character the same probability."""
        likely = -self._item_arrays["chars"].astype(np.float32)
        no = np.zeros(len(likely), dtype=bool)
        return ChoiceAnswers(likely, no, np.ones(len(likely), np.int32), likely if self.task.unconditional else None, 0)

    def item_arrays(self) -> dict[str, np.ndarray]:
        """`choice_offsets` (items + 1,), `gold`, `chars`, `bytes` and `words` (choices of all items,)."""
        return self._item_arrays

    @cached_property
    def _item_arrays(self) -> dict[str, np.ndarray]:
        texts = [choice for item in self.items for choice in item.choices]
        gold = [i in right for item in self.items for right in [set(item.gold)] for i in range(len(item.choices))]
        return {
            "choice_offsets": np.cumsum([0, *(len(item.choices) for item in self.items)]),
            "gold": np.asarray(gold, dtype=bool),
            "chars": np.asarray([len(text) for text in texts], dtype=np.int32),
            "bytes": np.asarray([len(text.encode()) for text in texts], dtype=np.int32),
            "words": np.asarray([_words(text) for text in texts], dtype=np.int32),
        }

    def arrays(self, answers: ChoiceAnswers) -> dict[str, np.ndarray]:
        """`item_scores` (items,); `loglikelihoods`, `greedy`, `tokens` and perhaps more (choices of all items,)."""
        kept = {"loglikelihoods": answers.loglikelihoods, "greedy": answers.greedy, "tokens": answers.tokens}
        if answers.unconditional is not None:
            kept["loglikelihoods_unconditional"] = answers.unconditional
        scores = self.task.measure.item_scores(choice_columns(self._item_arrays, kept))
        return {"item_scores": scores, **kept}


def _words(text: str) -> int:
    """Pieces between white space, as lm-evaluation-harness counts them: a space at the start makes one more."""
    return len(re.split(r"\s+", text))


@dataclass(frozen=True)
class GenerationEvaluation:
    """generate_until: the model writes, and what it wrote is compared."""

    items: Sequence[Item]
    task: Task

    @property
    def count(self) -> int:
        """How many items."""
        return len(self.items)

    @property
    def subsets(self) -> list[tuple[str, int]]:
        """None: it is a task alone."""
        return []

    @property
    def chance(self) -> float | None:
        """The score that guessing gives: a text is not hit by chance."""
        return 0.0

    def encode(self, tokenizer: PreTrainedTokenizerBase, context_length: int) -> Prompts:
        """Every prompt, and how to read what is written after it."""
        return encode_prompts(
            [item.contexts[0] for item in self.items], self.task.generation, tokenizer, context_length
        )

    def ask(self, engine: Engine, encoded: Prompts) -> Texts:
        """Ask the loaded model."""
        return write(engine, encoded)

    def item_arrays(self) -> dict[str, np.ndarray]:
        """The right answers: `references`, `reference_offsets`, `item_reference_offsets`; likewise `options`."""
        arrays: dict[str, np.ndarray] = {}
        for name, own in (("reference", [i.choices for i in self.items]), ("option", [i.options for i in self.items])):
            arrays |= packed(name, [text for texts in own for text in texts])
            arrays[f"item_{name}_offsets"] = np.cumsum([0, *map(len, own)])
        return arrays

    def arrays(self, answers: Texts) -> dict[str, np.ndarray]:
        """`item_scores` (items,); `generations`, all texts in UTF-8 as uint8; `generation_offsets` (items + 1,)."""
        texts = filtered(answers.texts, self.task.filters, [item.options for item in self.items])
        scores = text_scores(texts, [item.choices for item in self.items], self.task.metric_list[0])
        return {"item_scores": scores, **packed("generation", answers.texts)}


@dataclass(frozen=True, slots=True)
class GroupAnswers:
    """What one model says of every task of a group."""

    parts: tuple[Any, ...]
    computed_tokens: int


@dataclass(frozen=True)
class GroupEvaluation:
    """Several tasks, one after the other. Their items are subsets of the whole."""

    parts: tuple[ChoiceEvaluation | GenerationEvaluation, ...]
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

    def ask(self, engine: Engine, encoded: Sequence[Any]) -> GroupAnswers:
        """Ask the loaded model, task by task."""
        answers = tuple(part.ask(engine, own) for part, own in zip(self.parts, encoded, strict=True))
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
