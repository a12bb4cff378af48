"""What the report shows on one's own machine beside the scores; `e2lm run` hands it over, a platform never does.

On a platform the report is public or read by others: what models answer to single items, and the scores under other
metrics, are left out there.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MetricRow:
    """The scores of the same answers under one metric; keys as in scores.json, None where there is no such value."""

    metric: str
    same: tuple[str, ...]  # other metrics that give every item of this task the same score
    is_own: bool  # the metric that the task names first
    ranked: float  # the score, or SQ in a suite without a total
    sq: float
    sq_held_out: float | None
    contrast_z: float | None
    label_share: float | None
    eligible: bool


@dataclass(frozen=True, slots=True)
class ShownItem:
    """One item as the models met it, and what they made of it."""

    number: int  # from 0, in the order of the test file
    text: str  # what the model reads, without few-shot examples; "" where each choice has a context of its own
    choices: tuple[str, ...]  # where the model writes: the right answers
    right: tuple[int, ...]
    preferred: tuple[tuple[int, ...], ...]  # the likeliest choice, signal models x early checkpoints; empty if none is
    written: tuple[tuple[str, ...], ...]  # what the model wrote, likewise; empty where it writes nothing
    scores: tuple[float, ...]  # mean item score of the signal models at each early checkpoint, higher is better


@dataclass(frozen=True, slots=True)
class ShownItems:
    """The items of the report, or some of them where there are many."""

    models: tuple[str, ...]  # the signal models
    tokens: tuple[float, ...]  # of the early checkpoints, GT
    items: tuple[ShownItem, ...]
    count: int  # of all items


@dataclass(frozen=True, slots=True)
class OwnMachine:
    """All that is shown on one's own machine alone."""

    metrics: tuple[MetricRow, ...] = ()  # best first; empty where only one metric can be computed
    items: ShownItems | None = None  # None where the submission is not at hand
