"""What stands beside the scores: columns that describe a task and are never ranked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from e2lm_scoring.curves import oriented_chance, window_scores
from e2lm_scoring.formulas.decision_accuracy import decision_accuracy
from e2lm_scoring.formulas.finetasks import non_randomness, ordering_consistency
from e2lm_scoring.formulas.ranking_consistency import kendall_tau
from e2lm_scoring.formulas.signal_quality import SignalQuality
from e2lm_scoring.formulas.signal_to_noise import signal_to_noise
from e2lm_scoring.inputs.configuration import Configuration
from e2lm_scoring.inputs.results import Results


def reported_columns(
    results: Results, configuration: Configuration, qualities: Mapping[str, SignalQuality]
) -> dict[str, float]:
    """The columns that the suite allows: those of one model each, then those of several, then those of late ones."""
    columns = {
        "monotonicity": _mean(quality.monotonicity for quality in qualities.values()),
        "autocorrelation": _mean(quality.autocorrelation for quality in qualities.values()),
        "sq_published": _mean(quality.sq_published for quality in qualities.values()),
        "robust_signal": _mean(quality.robust for quality in qualities.values()),
        "spearman": _mean(quality.spearman for quality in qualities.values()),
    }
    models = configuration.ranked_models or configuration.signal_models
    early = np.stack([window_scores(results, model, configuration.early.iterations) for model in models])
    columns["snr"] = signal_to_noise(early)
    if len(models) > 1:
        columns["ordering_consistency"] = ordering_consistency(early)
    chance = oriented_chance(results)
    if chance is not None:
        columns["non_randomness"] = non_randomness(early, chance)
    if configuration.late is not None:
        last = (max(configuration.late.iterations),)
        final = np.concatenate([window_scores(results, model, last) for model in models])
        columns["tau_1t"] = kendall_tau(early.mean(axis=1), final)
        columns["decision_accuracy"] = decision_accuracy(early.mean(axis=1), final)
    columns["items"] = float(results.file.submission.items)
    if results.seconds is not None:
        columns["minutes"] = results.seconds / 60
    return columns


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))
