"""Whether a submission takes part in the ranking: the rules of scoring.yaml, with the reasons for its author."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from e2lm_scoring.formulas.improvement_gate import gate_z, ineligible_because
from e2lm_scoring.inputs.configuration import Configuration

NO_CONTRAST = (
    "no contrast: not ranked: these results hold no score with wrong labels. A task that scores single texts has no "
    "wrong answer, and any text becomes more likely as a model trains: give choices, or let the model write. Results "
    "of an earlier version get a contrast with e2lm rescore"
)


@dataclass(frozen=True, slots=True)
class Contrast:
    """What the contrast with wrong labels says of a submission."""

    z_of_model: Mapping[str, float]  # improvement z of the contrast, of each signal model
    label_share: float  # in [0, 1], formulas/label_contrast.py
    unguessed: int = 0  # items whose answer cannot be guessed from the choices alone, where others can
    unguessed_z_of_model: Mapping[str, float] = field(default_factory=dict)  # of these; none where all items are such


def reasons_against(
    z_of_model: Mapping[str, float],
    contrast: Contrast | None,
    configuration: Configuration,
    *,
    effective_items: float = math.inf,
) -> tuple[str, ...]:
    """Why a submission is not eligible, one sentence each; none when it is.

    `z_of_model` is the improvement z of the scores, which counts where the task has no contrast. `effective_items` is
    how many items carry the score (formulas/effective_items.py).
    """
    return _too_little_signal(z_of_model, contrast, configuration) + _too_few_items(effective_items, configuration)


def _too_few_items(effective_items: float, configuration: Configuration) -> tuple[str, ...]:
    if not 0 < effective_items < configuration.min_effective_items:  # where no item moves, nothing improved either
        return ()
    return (
        f"the score is that of about {max(1, math.floor(effective_items)):,} items (their effective number), and "
        f"{configuration.min_effective_items:g} are needed; use a metric under which items weigh alike, and leave out "
        "items that no model answers otherwise over time",
    )


def _too_little_signal(
    z_of_model: Mapping[str, float], contrast: Contrast | None, configuration: Configuration
) -> tuple[str, ...]:
    if contrast is None:
        missing = (NO_CONTRAST,) if configuration.require_contrast else ()
        return missing + ineligible_because(z_of_model, configuration.min_improvement_z)
    reasons = ineligible_because(
        contrast.z_of_model, configuration.min_improvement_z, what="scores with right labels over those with wrong ones"
    )
    rises = gate_z(z_of_model) >= configuration.min_improvement_z
    if contrast.label_share < configuration.min_label_share and (rises or not reasons):
        reasons += (
            f"the score rises almost as much when wrong answers are marked as right: labels account for "
            f"{contrast.label_share:.0%} of its rise and {configuration.min_label_share:.0%} are needed; use a metric "
            "that compares the choices, such as acc, or a margin",
        )
    if not reasons and contrast.unguessed_z_of_model:
        reasons = ineligible_because(
            contrast.unguessed_z_of_model,
            configuration.min_improvement_z,
            what=f"the items whose answer cannot be guessed from the choices alone ({contrast.unguessed:,})",
            advice="make right and wrong choices alike in length and words, so that only knowledge tells them apart",
        )
    return reasons
