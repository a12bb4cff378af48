"""Does a score hold where nobody tuned it: on other models, with other items, later in training?

Items and labels that were chosen on the released checkpoints can have a perfect early curve on the signal models. What
such a choice cannot fix are models that it did not see and checkpoints that come later. Reported, never ranked.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from e2lm_scoring.formulas.decision_accuracy import decision_accuracy
from e2lm_scoring.formulas.improvement_gate import ENDS
from e2lm_scoring.formulas.signal_quality import ROUNDING, is_constant, signal_qualities

FIXED_ITEMS = 1000  # items of `sq_at_fixed_items`
SAMPLES = 50
DECIDED = 0.8  # decision accuracy from which an early checkpoint can be decided on (DataDecide's figure)


def error_over_models(qualities: Sequence[float]) -> float:
    """Standard error of SQ over models: standard deviation of the models' SQ / sqrt(models); 0 for a single model.

    Ours. The item bootstrap holds the models fixed; this says how far SQ depends on which models were chosen.

    >>> round(error_over_models([0.9, 0.7]), 3)
    0.1
    """
    values = np.asarray(qualities, dtype=np.float64)
    return float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0


def late_retention(early: ArrayLike, late: ArrayLike) -> float:
    """Late change over early rise: sum over models of (late end - early end) / sum of (early end - early beginning).

    Ends and beginnings are means of three checkpoints, or of all where there are fewer. `early` is (models, early
    checkpoints), `late` (models, late checkpoints), higher is better. Above 0: the score goes on rising; -1: all that
    was gained early is lost. 0 where the early curves do not rise. Ours.

    >>> late_retention([[0.0, 0, 0, 0.2, 0.4, 0.4, 0.4]], [[0.5, 0.6, 0.6, 0.6]])
    0.5
    """
    first, last = np.atleast_2d(np.asarray(early, dtype=np.float64)), np.atleast_2d(np.asarray(late, dtype=np.float64))
    top = first[:, -ENDS:].mean(axis=1)
    rise = float(np.sum(top - first[:, :ENDS].mean(axis=1)))
    if rise <= ROUNDING * float(np.abs(first).max()) * len(first):
        return 0.0
    return round(float(np.sum(last[:, -ENDS:].mean(axis=1) - top)) / rise, 12)


def prediction_error(tokens: ArrayLike, early: ArrayLike, final_tokens: float, final: ArrayLike) -> float:
    """Error of the last score predicted from the early curve, as a share of how far scores move over training.

    The prediction of each model is a + b log(tokens), fitted to its early scores by least squares. The error is the
    root mean square over models of prediction - score, divided by the mean over models of (greatest - least score,
    early and last). `tokens` is (early checkpoints,), `early` (models, early checkpoints), `final` (models,). 0 where
    no score moves. Ours: the simplest forecast that a reader of early curves makes.

    >>> prediction_error([1.0, 10.0, 100.0], [[0.1, 0.2, 0.3]], 1000.0, [0.4])
    0.0
    >>> prediction_error([1.0, 10.0, 100.0], [[0.1, 0.2, 0.3]], 1000.0, [0.3])
    0.5
    """
    curves, last = np.atleast_2d(np.asarray(early, dtype=np.float64)), np.asarray(final, dtype=np.float64)
    moved = float(np.mean(np.ptp(np.column_stack([curves, last]), axis=1)))
    if moved <= ROUNDING * float(np.abs(curves).max()):
        return 0.0
    x = np.log(np.asarray(tokens, dtype=np.float64))
    centered = x - x.mean()
    slopes = curves @ centered / np.sum(centered**2)
    predicted = curves.mean(axis=1) + slopes * (np.log(final_tokens) - x.mean())
    return round(float(np.sqrt(np.mean((predicted - last) ** 2))) / moved, 12)


def decision_accuracies(early: ArrayLike, final: ArrayLike) -> np.ndarray:
    """Decision accuracy of each early checkpoint alone, (early checkpoints,) in [0, 1].

    `early` is (models, early checkpoints), `final` (models,), higher is better.

    Source: DataDecide (arXiv 2504.11393); ties count half, as in `decision_accuracy`.

    >>> decision_accuracies([[0.1, 0.2], [0.1, 0.3]], [0.5, 0.6]).tolist()
    [0.5, 1.0]
    """
    curves = np.asarray(early, dtype=np.float64)
    return np.asarray([decision_accuracy(scores, final) for scores in curves.T])


def tokens_to_decide(tokens: ArrayLike, accuracies: ArrayLike, threshold: float = DECIDED) -> float | None:
    """Tokens of the first early checkpoint from which on decision accuracy stays at `threshold` or above.

    None where the last early checkpoint is below it. Both are (early checkpoints,); the unit is that of `tokens`. The
    figure is DataDecide's; that it has to stay there is ours, so that one lucky checkpoint does not count.

    >>> tokens_to_decide([4.0, 10.0, 20.0, 30.0], [0.9, 0.5, 0.8, 1.0])
    20.0
    >>> tokens_to_decide([4.0, 10.0], [1.0, 0.5]) is None
    True
    """
    below = np.flatnonzero(np.asarray(accuracies, dtype=np.float64) < threshold)
    first = int(below[-1]) + 1 if below.size else 0
    amounts = np.asarray(tokens, dtype=np.float64)
    return float(amounts[first]) if first < len(amounts) else None


def sq_at_fixed_items(scores: np.ndarray, *, seed: int = 0) -> float | None:
    """Mean SQ of 50 random sets of 1,000 items, drawn without replacement; None for a task of fewer items.

    `scores` is (signal models, early checkpoints, items), higher is better. SQ grows with the number of items, because
    more items make a curve smoother; at a fixed number, it compares the quality of items and not their number. Ours.

    >>> rising = np.tile(np.arange(8.0)[:, None], (1, 1000))
    >>> sq_at_fixed_items(rising[None]), sq_at_fixed_items(rising[None, :, :999])
    (1.0, None)
    """
    items = scores.shape[2]
    if items < FIXED_ITEMS:
        return None
    rng = np.random.default_rng(seed)
    drawn = [rng.permutation(items)[:FIXED_ITEMS] for _ in range(SAMPLES if items > FIXED_ITEMS else 1)]
    curves = np.stack([scores[:, :, chosen].mean(axis=2, dtype=np.float64) for chosen in drawn])
    return float(np.mean(signal_qualities(curves)))


def checkpoint_noise(scores: np.ndarray) -> float:
    """Variance between neighboring checkpoints over what the choice of items can give, mean over models; 1: no more.

    With D the second differences of the curve, in which a smooth trend cancels: mean of D^2 / mean of its variance over
    items / items. `scores` is (models, checkpoints, items). Well above 1, checkpoints differ in ways that all items
    share (a rate schedule, a data order) and that no interval over items covers. 0 where curves or items do not vary.
    Ours; the variance of second differences is von Neumann's (1941).

    >>> rng = np.random.default_rng(0)
    >>> items = rng.random((1, 40, 500))
    >>> 0.5 < checkpoint_noise(items) < 2.0 < checkpoint_noise(items + rng.normal(0, 0.05, (1, 40, 1)))
    True
    """
    ratios = []
    for model in np.asarray(scores, dtype=np.float64):
        if bool(is_constant(model.mean(axis=1))):
            ratios.append(0.0)
            continue
        bends = model[2:] - 2 * model[1:-1] + model[:-2]
        expected = float(np.mean(bends.var(axis=1, ddof=1))) / model.shape[1] if model.shape[1] > 1 else 0.0
        ratios.append(float(np.mean(bends.mean(axis=1) ** 2)) / expected if expected > 0 else 0.0)
    return float(np.mean(ratios))
