"""Which items a metric lets carry the score, found by answers drawn at random in place of a model's."""

from __future__ import annotations

import numpy as np

from e2lm_ingestion.checks.questions import Finding, some
from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.metrics.builtin import choice_columns
from e2lm_ingestion.output_types.choices import ChoiceItemSet
from e2lm_ingestion.output_types.group import GroupItemSet
from e2lm_ingestion.output_types.protocol import ItemSet

FEWEST = 30.0  # effective items: the gate of scoring.yaml (min_effective_items)
TRIALS = 12  # sets of answers
SEED = 0  # fixed: the same submission has the same findings
LIKELY = (0.3, 2.0)  # nats per character of a drawn answer: those of models between the best and an untrained one
SURE = (0.0005, 0.005)  # of a model that knows an answer by heart


def trial_influences(item_set: ItemSet) -> np.ndarray:
    """The influence of each item under answers drawn at random, (items,) float64.

    It is the standard deviation of the item's score over the draws. Items whose answers are texts, or whose scores are
    not finite, count alike.
    """
    parts = item_set.parts if isinstance(item_set, GroupItemSet) else (item_set,)
    influences = [_of_part(part) for part in parts]
    if isinstance(item_set, GroupItemSet) and not item_set.weight_by_size:
        influences = [own / len(own) for own in influences]
    return np.concatenate(influences)


def effective_number(influences: np.ndarray) -> float:
    """(sum)^2 / sum of squares, from 1 to the number of items; that number when none has an influence.

    >>> effective_number(np.array([1.0, 1.0, 0.0])), effective_number(np.zeros(3))
    (2.0, 3.0)
    """
    greatest = float(influences.max(initial=0.0))
    if not greatest > 0:
        return float(len(influences))
    shares = influences / greatest
    return float(shares.sum() ** 2 / np.sum(shares**2))


def influence_findings(item_set: ItemSet) -> list[Finding]:
    """Findings where few items carry the score, and where the metric has no finite score for some answers."""
    influences = trial_influences(item_set)
    effective = effective_number(influences)
    findings = _failures(item_set)
    if effective >= FEWEST:
        return findings
    order = np.argsort(-influences, kind="stable")[:10].tolist()
    return [
        *findings,
        Finding(
            "few_effective_items",
            f"the metric lets about {max(1, int(effective)):,} of {len(influences):,} items carry the score (first "
            f"among them: {some(order)}), and a submission with fewer than {FEWEST:g} is not ranked; use a metric "
            "under which items weigh alike",
            tuple(order),
            blocks=True,
        ),
    ]


def _failures(item_set: ItemSet) -> list[Finding]:
    parts = item_set.parts if isinstance(item_set, GroupItemSet) else (item_set,)
    for part in parts:
        if not isinstance(part, ChoiceItemSet):
            continue
        failed = [error for nats in (LIKELY, SURE) for error in _trials(part, nats)[1]]
        if failed:
            return [
                Finding(
                    "may_not_be_finite",
                    f"under {len(failed)} of {2 * TRIALS} sets of answers drawn at random, {failed[0]}; a run on "
                    "models that ends so gives no score",
                )
            ]
    return []


def _of_part(part: ItemSet) -> np.ndarray:
    """The influences of one task's items."""
    if not isinstance(part, ChoiceItemSet):
        return np.ones(part.count)
    scores, _ = _trials(part)
    influences: np.ndarray = scores.std(axis=0) if len(scores) else np.ones(part.count)
    return influences if influences.any() else np.ones(part.count)


def _trials(part: ChoiceItemSet, nats: tuple[float, float] = LIKELY) -> tuple[np.ndarray, list[SubmissionError]]:
    """Item scores under drawn answers, (draws, items) float64, and the errors of draws that have no finite score."""
    items, formula = part.item_arrays(), part.task.formula
    rng = np.random.default_rng(SEED)
    count = len(items["chars"])
    scores, failed = [], []
    for _ in range(TRIALS):
        likely, alone = (-items["chars"] * rng.uniform(*nats, count) for _ in range(2))
        answers = {
            "loglikelihoods": likely.astype(np.float32),
            "loglikelihoods_unconditional": alone.astype(np.float32),
            "greedy": rng.random(count) < 0.5,
            "tokens": np.maximum(1, items["chars"] // 4).astype(np.int32),
        }
        try:
            scores.append(formula.item_scores(choice_columns(items, answers)).astype(np.float64))
        except SubmissionError as error:
            failed.append(error)
    return np.asarray(scores), failed
