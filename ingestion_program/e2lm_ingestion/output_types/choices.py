"""What the output types of log-likelihoods share: each choice's log-likelihood, and a score per item."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from e2lm_ingestion.engines import Engine, LogLikelihoods
from e2lm_ingestion.engines.requests import Requests, encode, encode_windows
from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.metrics.builtin import MetricFormula, MetricSpec, chance, choice_columns
from e2lm_ingestion.metrics.contrast import contrast_scores
from e2lm_ingestion.output_types.protocol import Arrays, Item
from e2lm_ingestion.output_types.questions import Question
from e2lm_ingestion.task.task import Task
from e2lm_ingestion.task.task_parts import Filter, Metric

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class ChoiceAnswers:
    """What one model says of every choice."""

    loglikelihoods: np.ndarray  # (choices,) float32, nats
    greedy: np.ndarray  # (choices,) bool
    tokens: np.ndarray  # (choices,) int32
    unconditional: np.ndarray | None  # (choices,) float32, nats: without the prompt
    computed_tokens: int


@dataclass(frozen=True, slots=True)
class ChoiceLayout:
    """Which choice each request is part of."""

    owners: np.ndarray  # (requests,) the choice that each scores, or, from `choices` on, an unconditional text
    choices: int
    unconditional: np.ndarray | None  # (choices,) what is each choice without a prompt, as `owners` numbers it
    tokens: np.ndarray  # (choices,) int32: how many tokens of each choice are scored

    def answers(self, scored: LogLikelihoods) -> ChoiceAnswers:
        """The log-likelihoods of the choices from those of the requests."""
        count = max(self.choices, int(self.owners[-1]) + 1)
        values = np.bincount(self.owners, weights=scored.values, minlength=count).astype(np.float32)
        missed = np.bincount(self.owners, weights=~scored.greedy, minlength=count)
        without = None if self.unconditional is None else values[self.unconditional]
        n = self.choices
        return ChoiceAnswers(values[:n], missed[:n] == 0, self.tokens, without, scored.computed_tokens)


@dataclass(frozen=True, slots=True)
class ChoiceRequests:
    """The requests of one engine group, and what each is part of."""

    requests: Requests
    layout: ChoiceLayout


@dataclass(frozen=True)
class ChoiceItemSet:
    """The log-likelihood of every choice."""

    items: Sequence[Item]
    task: Task
    windows: bool = False  # choices are whole texts without a prompt, the long ones scored in several windows

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
        return chance_of_choices(self.task.metric_list[0].spec(self.task.output_type), self._item_arrays)

    def encode(self, tokenizer: PreTrainedTokenizerBase, context_length: int) -> ChoiceRequests:
        """Every choice after its context; a long rolling text in windows."""
        pairs = [pair for item in self.items for pair in item.pairs]
        unconditional = None
        if self.windows:
            requests, owners = encode_windows([text for _, text in pairs], tokenizer, context_length)
            if self.task.unconditional:  # there is no prompt to leave out
                unconditional = np.arange(len(pairs))
        else:
            distinct: dict[str, int] = {}
            if self.task.unconditional:
                numbers = [distinct.setdefault(text, len(distinct)) for _, text in pairs]
                unconditional = len(pairs) + np.asarray(numbers, dtype=np.int64)
            requests = encode([*pairs, *(("", text) for text in distinct)], tokenizer, context_length)
            owners = np.arange(len(requests))
        scored = np.diff(requests.starts) - requests.context_lengths
        tokens = np.bincount(owners, weights=scored, minlength=len(pairs))[: len(pairs)].astype(np.int32)
        return ChoiceRequests(requests, ChoiceLayout(owners, len(pairs), unconditional, tokens))

    def score(self, engine: Engine, encoded: ChoiceRequests) -> ChoiceAnswers:
        """Ask the loaded model."""
        return encoded.layout.answers(engine.loglikelihoods(encoded.requests))

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
        """`item_scores` and perhaps `contrast_scores` (items,); `loglikelihoods`, `greedy`, `tokens` and perhaps more.

        The latter are (choices of all items,).
        """
        kept = {"loglikelihoods": answers.loglikelihoods, "greedy": answers.greedy, "tokens": answers.tokens}
        if answers.unconditional is not None:
            kept["loglikelihoods_unconditional"] = answers.unconditional
        return {**_scored(self.task.formula, self._item_arrays, kept), **kept}


def choice_item_set(task: Task, items: Sequence[Item], *, windows: bool = False) -> ChoiceItemSet:
    """The items to ask. Raises SubmissionError for arithmetic that they do not fit, before a model is asked."""
    item_set = ChoiceItemSet(items, task, windows)
    item_set.arrays(item_set.guess())
    return item_set


def after_the_context(
    contexts: tuple[str, ...], question: Question, delimiter: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Every choice after the delimiter; where each choice has a context of its own, the answer after each context."""
    texts = (question.answer,) * len(question.texts) if question.texts else question.choices
    return contexts, tuple(delimiter + text for text in texts)


def rescored_choices(
    metric: Metric, spec: MetricSpec, filters: Sequence[Filter], items: Arrays, arrays: Arrays, with_contrast: bool
) -> dict[str, np.ndarray]:
    """`item_scores` and perhaps `contrast_scores` under another metric, (items,) float32."""
    assert spec.formula is not None
    check_classes(metric, np.diff(items["choice_offsets"]))
    return _scored(spec.formula, items, arrays, with_contrast)


def check_classes(metric: Metric, choices: np.ndarray) -> None:
    """Raise SubmissionError for a metric that items with so many choices (items,) do not have."""
    if metric.metric == "f1" and (choices != 2).any():
        raise SubmissionError("metric_list: f1 is of two choices, the second of which is sought; some items have more")


def _scored(
    formula: MetricFormula, items: Arrays, answers: Arrays, with_contrast: bool = True
) -> dict[str, np.ndarray]:
    columns = choice_columns(items, answers)
    scores = {"item_scores": formula.item_scores(columns)}
    contrast = contrast_scores(formula, columns) if with_contrast else None
    return scores if contrast is None else {**scores, "contrast_scores": contrast}


def chance_of_choices(spec: MetricSpec, items: Arrays) -> float | None:
    """The score of a model to which all choices are alike, for metrics that guessing has a score under."""
    return chance(spec.formula, items) if spec.guessed and spec.formula is not None else None


def _words(text: str) -> int:
    """Pieces between white space, as lm-evaluation-harness counts them: a space at the start makes one more."""
    return len(re.split(r"\s+", text))
