"""Subsets that rise whatever answer is marked as right, beside others that honestly measure.

The gate looks at a task as a whole: half of its weight can be random labels as long as the other half makes up for
them. Within subsets, the contrast shows which half that is. Ours; docs/validity.md has power and false alarms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, stdtr

from e2lm_scoring.formulas.improvement_gate import ENDS, improvement_z
from e2lm_scoring.formulas.strata import Stratum, renumbered

CLEARLY = 4.0  # normal standard errors: one more than the gate's, because the strata with the least contrast are tested
MUCH = 0.1  # of the score's weight, from which a prize is withheld: as many wrong keys as are tolerated


@dataclass(frozen=True, slots=True)
class WithoutContrast:
    """Strata whose rise does not depend on labels."""

    strata: tuple[int, ...]  # their numbers
    weight: float  # their share of the score
    other_share: float  # label share of the other strata, in [0, 1]


def without_contrast(
    scores: np.ndarray,
    contrasts: np.ndarray,
    strata: Sequence[Stratum],
    weights: np.ndarray,
    *,
    min_z: float,
    min_share: float,
) -> WithoutContrast | None:
    """The strata that measure nothing although they rise; None where the evidence is too weak to name any.

    `scores` and `contrasts` are (early checkpoints, items), means over the signal models, times `weights` (items,). A
    stratum is suspected where its score rises and its contrast makes up less than `min_share` of the rise: and improves
    by fewer than `min_z` standard errors, or makes up less than half of that share. The suspected strata together must
    rise by `min_z` standard errors, and their contrast must be below what it would be with the label share of the
    others, by Student's t and as unlikely as four standard errors. A small or a hard subset that shows little is not
    called worthless: it is as uncertain as it is small, and one that does not rise carries nothing.

    >>> rises, late = np.tile([0.8, 1.0], 20), np.repeat([0.0, 1.0], 4)
    >>> scores = late[:, None] * rises
    >>> contrasts = scores * np.where(np.arange(40) < 20, 1, np.tile([0.1, -0.1], 20))
    >>> parts = [Stratum(np.arange(first, first + 20), np.arange(20), 20) for first in (0, 20)]
    >>> without_contrast(scores, contrasts, parts, np.ones(40), min_z=3, min_share=0.35)
    WithoutContrast(strata=(1,), weight=0.5, other_share=1.0)
    """
    rise, of_labels = _rise(scores), _rise(contrasts)
    suspected = []
    for number, stratum in enumerate(strata):
        whole, own = float(rise[stratum.items].sum()), float(of_labels[stratum.items].sum())
        few, hardly = own < min_share * whole, own < min_share / 2 * whole
        if whole > 0 and (hardly or (few and _z(contrasts, [stratum]) < min_z)):
            suspected.append(number)
    others = [stratum for number, stratum in enumerate(strata) if number not in suspected]
    if not suspected or not others:
        return None
    of_others = np.concatenate([stratum.items for stratum in others])
    if rise[of_others].sum() <= 0:
        return None
    other_share = float(np.clip(of_labels[of_others].sum() / rise[of_others].sum(), 0, 1))
    chosen = [strata[number] for number in suspected]
    freedom = sum(stratum.clusters - 1 for stratum in chosen)
    if freedom < 1 or _z(scores, chosen) < min_z:
        return None
    if stdtr(freedom, _z(contrasts - other_share * scores, chosen)) > ndtr(-CLEARLY):
        return None
    weight = sum(float(weights[stratum.items].sum()) for stratum in chosen) / float(weights.sum())
    return WithoutContrast(tuple(suspected), weight, other_share)


def _rise(scores: np.ndarray) -> np.ndarray:
    """Last three values minus first three, (early checkpoints, items) -> (items,) float64."""
    values = np.asarray(scores, dtype=np.float64)
    rise: np.ndarray = values[-ENDS:].mean(axis=0) - values[:ENDS].mean(axis=0)
    return rise


def _z(scores: np.ndarray, strata: Sequence[Stratum]) -> float:
    """The improvement z of some strata alone."""
    items, own = renumbered(strata)
    return improvement_z(scores[:, items], own)
