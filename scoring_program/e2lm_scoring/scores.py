"""Results and configuration -> the scores, and scores.json."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import numpy as np

from e2lm_scoring.alignment import domain_alignment, normalized_pair
from e2lm_scoring.configuration import Configuration, load_configuration
from e2lm_scoring.curves import curves, oriented_chance, window_items, window_scores, window_tokens
from e2lm_scoring.eligibility import improvement_z, ineligible_because
from e2lm_scoring.errors import OrganizerError
from e2lm_scoring.evaluation import Alignment, Evaluation, GroupRanking, ModelSignal
from e2lm_scoring.noise import signal_to_noise
from e2lm_scoring.ranking import kendall_tau, ranking_agreement, ranking_consistency
from e2lm_scoring.results import Results, read_results
from e2lm_scoring.signal import signal_quality


def evaluate(results_folder: Path, scoring_yaml: Path) -> Evaluation:
    """Score a results folder. Raises OrganizerError, naming the file or the checkpoint, when it cannot be scored."""
    configuration = load_configuration(scoring_yaml)
    results = read_results(results_folder, configuration)
    signal = tuple(_signal(results, configuration, model) for model in configuration.signal_models)
    ranking = tuple(_ranking(results, configuration, group) for group in configuration.ranking_groups)
    alignment = _alignment(results, configuration)
    reasons = ineligible_because({part.model: part.improvement_z for part in signal}, configuration.min_improvement_z)
    scores = _columns(results, configuration, signal, ranking, alignment)
    scores["eligible"] = float(not reasons)
    return Evaluation(
        task=results.file.task,
        suite=results.file.suite,
        metric=results.file.metric,
        items=results.file.submission.items,
        chance=oriented_chance(results),
        scores=scores,
        weights=configuration.weights.model_dump(),
        eligible=not reasons,
        reasons=reasons,
        curves=curves(results, configuration),
        signal=signal,
        ranking=ranking,
        alignment=alignment,
        reveal=configuration.reveal,
        provenance={
            "suite": f"{results.file.suite}, version {results.file.suite_version}",
            "submission": f"sha256 {results.file.submission.sha256}",
            **results.file.engine,
        },
    )


def _columns(
    results: Results,
    configuration: Configuration,
    signal: tuple[ModelSignal, ...],
    ranking: tuple[GroupRanking, ...],
    alignment: Alignment | None,
) -> dict[str, float]:
    """The columns of scores.json that this suite allows, the leading ones first."""
    sq = float(np.mean([part.sq for part in signal]))
    columns = {"sq": sq}
    if ranking:
        columns["rc"] = float(np.mean([group.rc for group in ranking]))
    if alignment is not None:
        columns["cs"] = alignment.cs
    if ranking and alignment is not None:
        weights = configuration.weights
        total = weights.signal_quality * sq + weights.ranking_consistency * columns["rc"]
        columns = {"score": total + weights.domain_alignment * alignment.cs, **columns}
    columns["monotonicity"] = float(np.mean([part.monotonicity for part in signal]))
    models = configuration.ranked_models or configuration.signal_models
    early = np.stack([window_scores(results, model, configuration.early.iterations) for model in models])
    columns["snr"] = signal_to_noise(early)
    if configuration.late is not None:
        last = (max(configuration.late.iterations),)
        final = np.concatenate([window_scores(results, model, last) for model in models])
        columns["tau_1t"] = kendall_tau(early.mean(axis=1), final)
    columns["items"] = float(results.file.submission.items)
    columns["improvement_z"] = float(np.median([part.improvement_z for part in signal]))
    return columns


def write_scores(evaluation: Evaluation, path: Path) -> None:
    """Write scores.json, whole or not at all: {column: finite number}. Raises OrganizerError for any other number."""
    for column, value in evaluation.scores.items():
        if not math.isfinite(value):
            raise OrganizerError(f"the score {column} is {value}, not a finite number; no scores were written")
    temporary = path.with_name(path.name + ".partial")
    temporary.write_text(json.dumps(evaluation.scores, indent=1) + "\n", encoding="utf-8")
    os.replace(temporary, path)


def _signal(results: Results, configuration: Configuration, model: str) -> ModelSignal:
    iterations = configuration.early.iterations
    try:
        quality = signal_quality(window_scores(results, model, iterations))
    except ValueError as error:
        raise OrganizerError(f"{model}: {error}; the early window of scoring.yaml needs more checkpoints") from None
    z = improvement_z(window_items(results, model, iterations))
    return ModelSignal(model, quality.monotonicity, quality.autocorrelation, quality.sq, z)


def _ranking(results: Results, configuration: Configuration, group: tuple[str, ...]) -> GroupRanking:
    early = np.stack([window_scores(results, model, configuration.early.iterations) for model in group])
    late = np.stack([window_scores(results, model, configuration.late_iterations) for model in group])
    return GroupRanking(
        models=group,
        early_means=early.mean(axis=1),
        tokens=window_tokens(results, group[0], configuration.late_iterations),
        agreement=ranking_agreement(early, late),
        rc=ranking_consistency(early, late, reference=configuration.ranking_reference),
    )


def _alignment(results: Results, configuration: Configuration) -> Alignment | None:
    pair, iterations = configuration.alignment, configuration.early.iterations
    if pair is None:
        return None
    science = window_scores(results, pair.science, iterations)
    web = window_scores(results, pair.web, iterations)
    science_normalized, web_normalized = normalized_pair(science, web)
    return Alignment(
        science=pair.science,
        web=pair.web,
        tokens=window_tokens(results, pair.science, iterations),
        science_normalized=science_normalized,
        web_normalized=web_normalized,
        cs=domain_alignment(science, web),
    )
