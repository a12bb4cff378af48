"""Findings of scoring that withhold a prize: subsets that measure nothing, and a signal on the signal models alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from e2lm_scoring.curves import window_contrasts
from e2lm_scoring.formulas.improvement_gate import gate_z, improvement_z
from e2lm_scoring.formulas.strata import Stratum
from e2lm_scoring.formulas.subset_contrast import MUCH, without_contrast
from e2lm_scoring.inputs.configuration import Configuration
from e2lm_scoring.inputs.results import Results
from e2lm_scoring.one_line import one_line
from e2lm_scoring.score_report import SubsetFinding

HALF = 0.5  # of the contrast z of the signal models, which the other models must show
NAMED = 3  # subsets that the message names
LONGEST_NAME = 60  # characters of a name in the message


def blocking_findings(
    subsets: SubsetFinding | None, contrast_z: float | None, held_out: float | None, configuration: Configuration
) -> tuple[tuple[str, str], ...]:
    """Kind and message of the findings that withhold a prize.

    `contrast_z` is that of the signal models, `held_out` that of the others; None where there is none.
    """
    found = []
    if subsets is not None and subsets.blocks:
        found.append(("subsets_without_contrast", message_of(subsets)))
    least = configuration.min_improvement_z
    if contrast_z is None or held_out is None:
        return tuple(found)
    if held_out < least <= contrast_z and held_out < HALF * contrast_z:
        message = (
            f"on models other than the signal models, scores with right labels gain {held_out:.1f} standard errors "
            f"on those with wrong ones, on the signal models {contrast_z:.1f}: items or labels may have been chosen by "
            "the released checkpoints; choose them for reasons that do not depend on these"
        )
        found.append(("signal_models_only", message))
    return tuple(found)


def held_out_z(
    results: Results, configuration: Configuration, strata: Sequence[Stratum], models: Collection[str]
) -> float | None:
    """The contrast z of `models`, those that are not signal models; None where there is none, or no contrast."""
    iterations = configuration.early.iterations
    each = {model: window_contrasts(results, model, iterations) for model in models}
    z = {model: improvement_z(contrasts, strata) for model, contrasts in each.items() if contrasts is not None}
    return gate_z(z) if z else None


def subset_finding(
    results: Results, configuration: Configuration, strata: Sequence[Stratum], early_signal: np.ndarray
) -> SubsetFinding | None:
    """What the subsets show; None where the task has no contrast, or nothing to compare a subset with.

    `early_signal` is (signal models, early checkpoints, items), the scores of the signal models.
    """
    contrasts = early_contrasts(results, configuration)
    if contrasts is None or len(strata) < 2:
        return None
    weights = results.file.item_weights
    found = without_contrast(
        early_signal.mean(axis=0, dtype=np.float64),
        contrasts.mean(axis=0, dtype=np.float64),
        strata,
        weights,
        min_z=configuration.min_improvement_z,
        min_share=configuration.min_label_share,
    )
    if found is None:
        return SubsetFinding()
    names = np.repeat([one.name for one in results.file.subsets], [one.items for one in results.file.subsets])
    chosen = np.concatenate([strata[number].items for number in found.strata])
    return SubsetFinding(
        names=tuple(dict.fromkeys(names[np.sort(chosen)].tolist())),
        items=len(chosen),
        weight=found.weight,
        other_share=found.other_share,
        blocks=found.weight >= MUCH,
    )


def message_of(finding: SubsetFinding) -> str:
    """The finding as a line for the author of the task and for the organizers."""
    named = [one_line(name)[:LONGEST_NAME] for name in finding.names[:NAMED]]
    more = f" and {len(finding.names) - NAMED} more" if len(finding.names) > NAMED else ""
    one = len(finding.names) == 1
    return (
        f"the subset{'' if one else 's'} {', '.join(named)}{more} ({finding.items:,} items, {finding.weight:.0%} of "
        f"the score's weight) rise{'s' if one else ''} whatever answer is marked as right, while labels account for "
        f"{finding.other_share:.0%} of the rise of the others: look at the labels there, leave such items out, or use "
        "a metric that compares the choices, such as acc, or a margin"
    )


def early_contrasts(results: Results, configuration: Configuration) -> np.ndarray | None:
    """Contrasts of the signal models, (signal models, early checkpoints, items) float32; None without them."""
    each = [window_contrasts(results, model, configuration.early.iterations) for model in configuration.signal_models]
    found = [contrasts for contrasts in each if contrasts is not None]
    return np.stack(found) if found else None
