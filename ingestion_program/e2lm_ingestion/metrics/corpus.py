"""Scores of all items together that are no mean of the items' own: BLEU, chrF, TER, and those of a confusion matrix.

An item's score is the whole score plus what the whole loses without the item, (n - 1) times, centred: the influence of
the jackknife (Efron 1982), so that the mean of the item scores is the whole score and their spread its standard error.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

OF_TEXTS = ("bleu", "chrf", "chrf++", "ter")  # of sacrebleu, which lm-evaluation-harness asks likewise
EXTRA = "sacrebleu"


def is_installed() -> bool:
    """Whether the metrics of texts can be computed on this machine."""
    return importlib.util.find_spec(EXTRA) is not None


def text_scores(name: str, texts: Sequence[str], references: Sequence[str]) -> np.ndarray:
    """Score of each text against its reference, (items,) float64; their mean is sacrebleu's score of all, 0 to 100."""
    metric = _metric(name)
    rows = np.asarray(metric._extract_corpus_statistics(list(texts), [list(references)]), dtype=np.float64)
    total = rows.sum(axis=0)

    def score(statistics: np.ndarray) -> float:
        whole = statistics if name == "ter" else statistics.astype(int)
        return float(metric._compute_score_from_stats(whole.tolist()).score)

    return _influences(score(total), np.asarray([score(total - row) for row in rows]))


def _metric(name: str) -> Any:  # noqa: ANN401 (sacrebleu has no types)
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF
    from sacrebleu.metrics.ter import TER

    if name.startswith("chrf"):
        return CHRF(word_order=2 if name == "chrf++" else 0)
    return BLEU() if name == "bleu" else TER()


def label_scores(name: str, gold: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Score of each item, (items,) float64, whose mean is that of all; `gold` and `predicted` are classes, (items,).

    `mcc` is Matthews' correlation coefficient (Gorodkin 2004), `macro_f1` the mean of the classes' F1 scores,
    `weighted_f1` their mean by the number of items, as in scikit-learn.
    """
    score = OF_LABELS[name]
    size = int(max(gold.max(), predicted.max())) + 1
    matrix = np.zeros((size, size))
    np.add.at(matrix, (gold, predicted), 1)
    without = {}
    for one, other in zip(*np.nonzero(matrix), strict=True):
        matrix[one, other] -= 1
        without[int(one), int(other)] = score(matrix)
        matrix[one, other] += 1
    own = np.asarray([without[pair] for pair in zip(gold.tolist(), predicted.tolist(), strict=True)])
    return _influences(score(matrix), own)


def _influences(whole: float, without: np.ndarray) -> np.ndarray:
    lost = (len(without) - 1) * (whole - without)
    return np.asarray(whole + lost - lost.mean())


def _mcc(matrix: np.ndarray) -> float:
    gold, predicted, count = matrix.sum(axis=1), matrix.sum(axis=0), matrix.sum()
    spread = (count**2 - predicted @ predicted) * (count**2 - gold @ gold)
    return float((np.trace(matrix) * count - gold @ predicted) / np.sqrt(spread)) if spread > 0 else 0.0


def _f1_of_classes(matrix: np.ndarray) -> np.ndarray:
    sums = matrix.sum(axis=1) + matrix.sum(axis=0)
    return np.asarray(np.divide(2 * np.diag(matrix), sums, out=np.zeros(len(sums)), where=sums > 0))


def _weighted_f1(matrix: np.ndarray) -> float:
    gold = matrix.sum(axis=1)
    return float(gold @ _f1_of_classes(matrix) / max(1.0, gold.sum()))


def _macro_f1(matrix: np.ndarray) -> float:
    """Over the classes that are right or chosen in some item."""
    occur = matrix.sum(axis=1) + matrix.sum(axis=0) > 0
    return float(_f1_of_classes(matrix).sum() / max(1, occur.sum()))


OF_LABELS: Mapping[str, Callable[[np.ndarray], float]] = {  # of a confusion matrix, (classes, classes)
    "mcc": _mcc,
    "weighted_f1": _weighted_f1,
    "macro_f1": _macro_f1,
}
