"""Whether a submission takes part in the ranking: the rules of scoring.yaml, with the reasons for its author."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from e2lm_scoring.formulas.improvement_gate import ineligible_because
from e2lm_scoring.inputs.configuration import Configuration

_SINGLE_TEXT = ("loglikelihood", "loglikelihood_rolling")


@dataclass(frozen=True, slots=True)
class Contrast:
    """What the contrast with wrong labels says of a submission."""

    z_of_model: Mapping[str, float]  # improvement z of the contrast, of each signal model
    label_share: float  # in [0, 1], formulas/label_contrast.py


def reasons_against(
    z_of_model: Mapping[str, float], contrast: Contrast | None, output_type: str | None, configuration: Configuration
) -> tuple[str, ...]:
    """Why a submission is not eligible, one sentence each; none when it is.

    `z_of_model` is the improvement z of the scores, which counts where the task has no contrast.
    """
    if contrast is None:
        missing = (_no_contrast(output_type),) if configuration.require_contrast else ()
        return missing + ineligible_because(z_of_model, configuration.min_improvement_z)
    reasons = ineligible_because(
        contrast.z_of_model, configuration.min_improvement_z, what="scores with right labels over those with wrong ones"
    )
    if contrast.label_share < configuration.min_label_share:
        reasons += (
            f"the score rises almost as much when wrong answers are marked as right: labels account for "
            f"{contrast.label_share:.0%} of its rise and {configuration.min_label_share:.0%} are needed; use a metric "
            "that compares the choices, such as acc, or a margin",
        )
    return reasons


def _no_contrast(output_type: str | None) -> str:
    if output_type in _SINGLE_TEXT:
        return (
            f"no contrast: not ranked: {output_type} scores one given text, and any text becomes more likely as a "
            "model trains; a task with wrong answers (multiple_choice), or one where the model writes, is ranked"
        )
    return (
        "no contrast: not ranked: these results do not say what the items score with wrong labels; results of an "
        "earlier version get it with e2lm rescore, and items need a wrong choice"
    )
