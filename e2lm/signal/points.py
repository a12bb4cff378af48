"""What every source is read into: one score of one benchmark at one checkpoint of one model."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

_LOWER_IS_BETTER = re.compile(
    r"(?:^|[^a-z])(loss|ppl|perplexity|bits[-_ ]per[-_ ]byte|bpb|brier|nll|mse|rmse|mae|wer|cer|ter|ece)(?:[^a-z]|$)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Point:
    """One score. Its fields are the columns of the data frame that `load_curves` returns."""

    model: str
    benchmark: str
    metric: str
    step: int | None  # of training; None where a source gives tokens alone
    tokens: float | None  # seen in training, a count
    score: float  # in the metric's own unit and direction
    stderr: float | None = None
    items: int | None = None
    higher_is_better: bool = True
    chance: float | None = None  # the score of guessing
    shots: str = ""  # few-shot examples, "" where a source does not say
    limit: str = ""  # how many items a run was cut to, "" where it was not
    task: str = ""  # what tells a task from another of the same name: version, items, prompt
    documents: str = ""  # a digest of the documents, where a source has them
    checkpoint: str = ""  # how the source names the checkpoint; repeated runs agree in it
    time: float = 0.0  # of the run, in seconds since 1970: the newest run counts
    source: str = ""  # the file
    item_scores: np.ndarray | None = None  # (items,) float32, in the metric's own direction
    contrast: np.ndarray | None = None  # (items,) float32: e2lm_ingestion/metrics/contrast.py
    subsets: tuple[int, ...] = ()  # items of consecutive subtasks, within which items are resampled


def is_better_higher(metric: str) -> bool:
    """Whether a metric rises as a model learns, judged by its name where a source does not say.

    >>> [is_better_higher(name) for name in ("acc_norm", "eval/loss", "word_perplexity", "f1")]
    [True, False, False, True]
    """
    return _LOWER_IS_BETTER.search(metric) is None
