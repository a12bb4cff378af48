"""Accuracy of guessers that never see the question: by the length of a choice, or by its words."""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from e2lm_ingestion.checks.questions import Finding, Question

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

FOLDS = 5
MOST_ITEMS = 5_000  # an evenly spaced sample of a larger task: the standard error is below 0.7 points
FEATURES = 1 << 14  # hash buckets
WORDS = 48  # at most so many words of a choice are used; differences between choices show early
PENALTY = 1.0  # L2
STEPS = 40
RATE = 0.2  # step size
BLOCKING = 0.6  # accuracy without the question from which a finding blocks a prize
SMALLEST_GAIN = 0.05  # above chance, for a finding
SURE = 3.3  # standard errors above chance: p = 0.001, two-sided
EVEN = 0.5  # expected accuracy on an item from which it counts as guessed

_WORD = re.compile(r"\w+|[^\w\s]")


def guessers(questions: Sequence[Question]) -> tuple[list[Finding], dict[str, float], np.ndarray]:
    """What can be guessed without the questions: findings, the accuracy of each guesser, and the items that remain.

    A guesser that is clearly better than chance gets a finding. The array, (items,) bool, is true for the items that
    none of those with more than chance gets right. A large task is guessed on a sample; there it is false for the rest.
    """
    share = np.asarray([len(question.gold) / len(question.choices) for question in questions])
    chance = float(share.mean())
    sample = slice(None, None, math.ceil(len(questions) / MOST_ITEMS))
    everything = np.ones(len(questions), dtype=bool)
    sampled = np.zeros(len(questions), dtype=bool)
    sampled[sample] = True
    hits = np.zeros(len(questions))
    hits[sample] = choices_only(questions[sample])
    of_guesser = {
        "longest": (by_length(questions, 1), everything),
        "shortest": (by_length(questions, -1), everything),
        "choices_only": (hits, sampled),
    }
    how = {
        "longest": ("the longest choice", "even out the lengths, or use acc_norm only if the lengths are fair"),
        "shortest": ("the shortest choice", "even out the lengths: acc itself prefers short continuations"),
        "choices_only": ("a classifier that sees the choices alone", "make wrong choices as plausible as right ones"),
    }
    scores, findings, remaining = {"chance": chance}, [], everything.copy()
    for name, (right, tried) in of_guesser.items():
        scores[name] = float(right[tried].mean())
        error = math.sqrt(chance * (1 - chance) / tried.sum())
        if scores[name] <= chance + SURE * error:
            continue
        remaining &= tried & (right < EVEN)
        if scores[name] > chance + SMALLEST_GAIN:
            who, advice = how[name]
            findings.append(
                Finding(
                    f"guesser_{name}",
                    f"{who} is right in {scores[name]:.0%}, chance is {chance:.0%}; {advice}",
                    blocks=scores[name] >= BLOCKING,
                )
            )
    return findings, scores, remaining


def by_length(questions: Sequence[Question], sign: int) -> np.ndarray:
    """Expected accuracy of choosing the longest (`sign` 1) or shortest (-1) choice in characters, (items,) in [0, 1].

    Choices of the same length are chosen from at random.
    """
    right = np.zeros(len(questions))
    for number, question in enumerate(questions):
        lengths = [sign * len(choice.strip()) for choice in question.choices]
        best = max(lengths)
        right[number] = sum(lengths[gold] == best for gold in question.gold) / lengths.count(best)
    return right


def choices_only(questions: Sequence[Question]) -> np.ndarray:
    """Cross-validated accuracy of a conditional logit on words and word pairs of the choices, (items,) in [0, 1].

    The model of an item with choices x_1..x_n is P(gold = i) = exp(w x_i) / sum_j exp(w x_j), fitted with an L2 penalty
    (McFadden 1974). Five folds; items with the same choices are in the same fold.
    """
    matrix, starts = _features(questions)
    share = np.zeros(starts[-1])  # target probability of each choice: 0, or 1 divided by the number of right ones
    for start, question in zip(starts, questions, strict=False):
        share[start + np.asarray(question.gold)] = 1 / len(question.gold)
    fold = _folds(questions)
    right = np.zeros(len(questions))
    for held_out in range(FOLDS):
        test = fold == held_out
        if test.all() or not test.any():
            continue
        scores = matrix @ _fit(matrix, starts, share, ~test)
        best = np.maximum.reduceat(scores, starts[:-1])
        is_best = scores == np.repeat(best, np.diff(starts))
        hits = np.add.reduceat((is_best & (share > 0)).astype(float), starts[:-1])
        right[test] = (hits / np.add.reduceat(is_best.astype(float), starts[:-1]))[test]
    return right


def _features(questions: Sequence[Question]) -> tuple[csr_matrix, np.ndarray]:
    """Hashed features, (choices of all items, FEATURES) with rows of unit length, and the first row of each item.

    The second array, (items + 1,), ends with the number of rows.
    """
    known: dict[str, int] = {}
    columns: list[int] = []
    ends = [0]
    for question in questions:
        for choice in question.choices:
            words = _WORD.findall(choice[: 20 * WORDS].casefold())[:WORDS]
            grams = {"^", *words, *(f"{one} {other}" for one, other in zip(["^", *words], [*words, "$"], strict=True))}
            for gram in sorted(grams):
                if gram not in known:
                    known[gram] = zlib.crc32(gram.encode()) % FEATURES
                columns.append(known[gram])
            ends.append(len(columns))
    lengths = np.diff(ends)
    values = np.repeat(1 / np.sqrt(lengths), lengths)
    from scipy.sparse import csr_matrix  # imported here: the import takes a second, which a refused submission saves

    matrix = csr_matrix((values, np.array(columns), np.array(ends)), shape=(len(lengths), FEATURES))
    starts = np.cumsum([0, *(len(question.choices) for question in questions)])
    return matrix, starts


def _folds(questions: Sequence[Question]) -> np.ndarray:
    """The fold of each item, (items,). Folds split sets of choices, or items if there are few different sets."""
    keys = [zlib.crc32("\0".join(sorted(question.choices)).encode()) for question in questions]
    if len(set(keys)) < 10 * FOLDS:
        return np.arange(len(questions)) % FOLDS
    return np.array(keys) % FOLDS


def _fit(matrix: csr_matrix, starts: np.ndarray, share: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Weights, (FEATURES,), fitted on the items where `train`, (items,) bool, is true."""
    sizes = np.diff(starts)
    rows = np.repeat(train, sizes)
    x = matrix[rows]
    own_sizes = sizes[train]
    own_starts = np.cumsum(own_sizes) - own_sizes
    y = share[rows]
    transposed = x.T.tocsr()

    def gradient(weights: np.ndarray) -> np.ndarray:
        scores = x @ weights
        exponentials = np.exp(scores - np.repeat(np.maximum.reduceat(scores, own_starts), own_sizes))
        sums = np.repeat(np.add.reduceat(exponentials, own_starts), own_sizes)
        return np.asarray(transposed @ (exponentials / sums - y) + PENALTY * weights)

    return _minimize(gradient, x.shape[1])


def _minimize(gradient: Callable[[np.ndarray], np.ndarray], size: int) -> np.ndarray:
    """Full-batch Adam (Kingma and Ba 2015). L-BFGS is no more accurate here and is slow when BLAS threads compete."""
    weights, mean, square = np.zeros(size), np.zeros(size), np.zeros(size)
    for step in range(1, STEPS + 1):
        slope = gradient(weights)
        mean = 0.9 * mean + 0.1 * slope
        square = 0.99 * square + 0.01 * slope**2
        weights -= RATE * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.99**step)) + 1e-8)
    return weights
