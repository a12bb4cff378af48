"""Computes the scores from checked results and scoring.yaml, and the content of scores.json."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from e2lm_scoring.columns import Measured, compute_columns
from e2lm_scoring.curves import (
    checkpoint_means,
    curves,
    oriented_chance,
    oriented_items,
    window_contrasts,
    window_items,
    window_scores,
    window_tokens,
)
from e2lm_scoring.eligibility import Contrast, reasons_against
from e2lm_scoring.errors import OrganizerError
from e2lm_scoring.findings import blocking_findings, early_contrasts, held_out_z, subset_finding
from e2lm_scoring.formulas.domain_alignment import domain_alignment, normalized_pair
from e2lm_scoring.formulas.effective_items import effective_items
from e2lm_scoring.formulas.generalization import decision_accuracies
from e2lm_scoring.formulas.improvement_gate import gate_z, improvement_z
from e2lm_scoring.formulas.label_contrast import label_share
from e2lm_scoring.formulas.ranking_consistency import ranking_agreement, ranking_consistency
from e2lm_scoring.formulas.signal_quality import SignalQuality, signal_qualities, signal_quality
from e2lm_scoring.formulas.strata import Stratum, strata_of
from e2lm_scoring.inputs.configuration import Configuration, load_configuration
from e2lm_scoring.inputs.results import Results, read_results
from e2lm_scoring.items import item_table, prune, subset_rows
from e2lm_scoring.one_line import one_line
from e2lm_scoring.score_report import Alignment, Generalization, GroupRanking, ModelSignal, ScoreReport
from e2lm_scoring.total import total_and_components
from e2lm_scoring.uncertainty import DRAWS, SEED, Bootstrap, bootstrap, interval


def evaluate(results_folder: Path, scoring_yaml: Path) -> ScoreReport:
    """Score a results folder. Raises OrganizerError, naming the file or the checkpoint, when it cannot be scored."""
    configuration = load_configuration(scoring_yaml)
    return evaluate_results(read_results(results_folder, configuration), configuration)[0]


def evaluate_results(results: Results, configuration: Configuration) -> tuple[ScoreReport, Bootstrap]:
    """Score checked results. Returns the score report and the draws of the item bootstrap, for comparing runs."""
    qualities = {model: _quality(results, configuration, model) for model in configuration.signal_models}
    subsets = results.file.subsets
    strata = strata_of(results.file.submission.items, [subset.items for subset in subsets], results.clusters)
    signal = tuple(_signal(results, configuration, model, quality, strata) for model, quality in qualities.items())
    ranking = tuple(_ranking(results, configuration, group) for group in configuration.ranking_groups)
    alignment = _alignment(results, configuration)
    z_of_model = {part.model: part.improvement_z for part in signal}
    contrast_curves = _contrast_curves(results, configuration)
    contrast = _contrast(results, configuration, signal, contrast_curves)
    early_science = {
        model: _early_items(results, configuration, model) for model in _science_models(results, configuration)
    }
    early_signal = np.stack([early_science[model] for model in configuration.signal_models])
    carried_by = effective_items(early_signal)
    reasons = reasons_against(z_of_model, contrast, configuration, effective_items=carried_by)
    of_subsets = subset_finding(results, configuration, strata, early_signal)
    held_out = held_out_z(results, configuration, strata, _held_out(results, configuration))
    contrast_z = None if contrast is None else gate_z(contrast.z_of_model)
    findings = blocking_findings(of_subsets, contrast_z, held_out, configuration)
    model_qualities = {
        model: float(signal_qualities(items.mean(axis=1, dtype=np.float64))) for model, items in early_science.items()
    }
    grid = (*configuration.early.iterations, *(configuration.late_iterations if configuration.ranking_groups else ()))
    measured = Measured(
        results=results,
        total=_total(results, configuration),
        qualities=tuple(qualities.values()),
        ranking=ranking,
        early=_compared(results, configuration, configuration.early.iterations),
        late=_compared(results, configuration, configuration.late_iterations),
        improvement_z=gate_z(z_of_model),
        contrast=contrast,
        contrast_curves=contrast_curves,
        signal_items=early_signal,
        subset_finding=of_subsets,
        held_out_z=held_out,
        effective_items=carried_by,
        signal_models=configuration.signal_models,
        model_qualities=model_qualities,
        tokens=window_tokens(results, configuration.compared_models[0], grid),
        alignment_contrasts=_alignment_contrasts(results, configuration),
        eligible=not reasons,
    )
    scores = compute_columns(measured, configuration)
    drawn = bootstrap(oriented_items(results), configuration, strata=strata)
    weights = results.file.item_weights
    score_report = ScoreReport(
        task=results.file.task,
        suite=results.file.suite,
        metric=results.file.metric,
        items=results.file.submission.items,
        chance=oriented_chance(results),
        scores=scores,
        weights=configuration.weights.model_dump(),
        eligible=not reasons,
        reasons=reasons,
        curves=curves(results, configuration, drawn.curves),
        signal=signal,
        ranking=ranking,
        alignment=alignment,
        reveal=configuration.reveal,
        provenance={
            "suite": f"{results.file.suite}, version {results.file.suite_version}",
            "submission": f"sha256 {results.file.submission.sha256}",
            **results.file.engine,
            "intervals": f"{DRAWS} draws of the items, seed {SEED}",
            "numpy": np.__version__,
        },
        ranking_reference=configuration.ranking_reference,
        intervals={key: interval(scores[key], draws) for key, draws in drawn.scores.items()},
        table=item_table(early_signal, [subset.name for subset in subsets for _ in range(subset.items)], weights),
        subsets=subset_rows(
            early_signal,
            {subset.name: subset.items for subset in subsets},
            weights,
            contrasts=early_contrasts(results, configuration),
            clusters=results.clusters,
        ),
        subset_finding=of_subsets,
        warnings=(
            *(one_line(warning.message) for warning in results.file.warnings),
            *(message for _, message in findings),
        ),
        clusters=sum(stratum.clusters for stratum in strata),
        expression=_expression(results),
        blocking=(
            *((one.kind, one_line(one.message)) for one in results.file.warnings if one.blocks),
            *findings,
        ),
        found_by_scoring=findings,
        pruning=prune(early_science, configuration.signal_models),
        generalization=_generalization(measured),
        min_improvement_z=configuration.min_improvement_z,
    )
    return score_report, drawn


def key_scores(results: Results, configuration: Configuration) -> dict[str, float]:
    """Total, components, gate and held-out SQ alone, without intervals: quick, to compare the metrics of one run.

    Contrasts are needed at the early checkpoints of the signal models alone. Keys are those of scores.json;
    `contrast_z`, `label_share` and `sq_held_out` only where there is such a value.
    """
    subsets = [subset.items for subset in results.file.subsets]
    strata = strata_of(results.file.submission.items, subsets, results.clusters)
    qualities = {model: _quality(results, configuration, model) for model in configuration.signal_models}
    signal = [_signal(results, configuration, model, quality, strata) for model, quality in qualities.items()]
    contrast = _contrast(results, configuration, signal, _contrast_curves(results, configuration))
    z_of_model = {part.model: part.improvement_z for part in signal}
    early = np.stack([_early_items(results, configuration, model) for model in configuration.signal_models])
    reasons = reasons_against(z_of_model, contrast, configuration, effective_items=effective_items(early))
    scores = {**_total(results, configuration), "improvement_z": gate_z(z_of_model), "eligible": float(not reasons)}
    if contrast is not None:
        scores |= {"contrast_z": gate_z(contrast.z_of_model), "label_share": contrast.label_share}
    held_out = _held_out(results, configuration)
    if held_out:
        unseen = [window_scores(results, model, configuration.early.iterations) for model in held_out]
        scores["sq_held_out"] = float(np.mean(signal_qualities(np.stack(unseen))))
    return scores


class NotFiniteError(OrganizerError):
    """A score has no finite value, because the metric's values are too large or too small for arithmetic."""


def scores_json(score_report: ScoreReport) -> bytes:
    """The content of scores.json: {column: finite number}. Raises NotFiniteError for any other number."""
    for column, value in score_report.scores.items():
        if not math.isfinite(value):
            raise NotFiniteError(f"the score {column} is {value}, not a finite number; no scores were written")
    return (json.dumps(score_report.scores, indent=1) + "\n").encode()


def _expression(results: Results) -> str:
    first = results.file.metric_list[0] if results.file.metric_list else {}
    return str(first.get("expression") or "")


def _total(results: Results, configuration: Configuration) -> dict[str, float]:
    found = total_and_components(checkpoint_means(results), configuration)
    return {key: float(value) for key, value in found.items()}


def _compared(results: Results, configuration: Configuration, iterations: tuple[int, ...]) -> np.ndarray:
    """Scores of the compared models, (models, checkpoints) float64."""
    return np.stack([window_scores(results, model, iterations) for model in configuration.compared_models])


def _quality(results: Results, configuration: Configuration, model: str) -> SignalQuality:
    try:
        return signal_quality(window_scores(results, model, configuration.early.iterations))
    except ValueError as error:
        raise OrganizerError(f"{model}: {error}; the early window of scoring.yaml needs more checkpoints") from None


def _signal(
    results: Results, configuration: Configuration, model: str, quality: SignalQuality, strata: Sequence[Stratum]
) -> ModelSignal:
    z = improvement_z(_early_items(results, configuration, model), strata)
    contrasts = window_contrasts(results, model, configuration.early.iterations)
    contrast_z = unguessed_z = None
    if contrasts is not None:
        contrast_z, unguessed_z = improvement_z(contrasts, strata), _unguessed_z(results, contrasts)
    return ModelSignal(model, quality.monotonicity, quality.autocorrelation, quality.sq, z, contrast_z, unguessed_z)


def _unguessed_z(results: Results, contrasts: np.ndarray) -> float | None:
    """The improvement z of the items that cannot be guessed from the choices alone; None where that is all of them.

    `contrasts` is (early checkpoints, items). 0 where hardly an item is left.
    """
    left = results.unguessed
    if left is None or left.all():
        return None
    if left.sum() < 2:
        return 0.0
    ends = np.cumsum([subset.items for subset in results.file.subsets], dtype=np.int64)[:-1]
    sizes = [int(own.sum()) for own in np.split(left, ends) if own.any()]
    clusters = None if results.clusters is None else results.clusters[left]
    return improvement_z(contrasts[:, left], strata_of(int(left.sum()), sizes, clusters))


def _contrast(
    results: Results,
    configuration: Configuration,
    signal: Sequence[ModelSignal],
    contrast_curves: Sequence[np.ndarray],
) -> Contrast | None:
    """What the gate reads of the contrast; None where the task has none."""
    z_of_model = {part.model: part.contrast_z for part in signal if part.contrast_z is not None}
    if not z_of_model:
        return None
    iterations = configuration.early.iterations
    right = [window_scores(results, model, iterations) for model in configuration.signal_models]
    unguessed = {part.model: part.unguessed_z for part in signal if part.unguessed_z is not None}
    left = 0 if results.unguessed is None else int(results.unguessed.sum())
    return Contrast(z_of_model, label_share(right, contrast_curves), left, unguessed)


def _generalization(measured: Measured) -> Generalization:
    tokens = measured.tokens[: measured.early.shape[1]]
    has_late = measured.late.shape[1] > 0
    decisions = decision_accuracies(measured.early, measured.late[:, -1]) if has_late else np.empty(0)
    return Generalization(dict(measured.model_qualities), tokens, decisions)


def _alignment_contrasts(results: Results, configuration: Configuration) -> tuple[np.ndarray, np.ndarray] | None:
    """Mean contrast of the science and the web-only model, (early checkpoints,) float64 each."""
    pair = configuration.alignment
    if pair is None or not results.contrast_scores:
        return None
    iterations = configuration.early.iterations
    science, web = (window_contrasts(results, model, iterations) for model in (pair.science, pair.web))
    assert science is not None
    assert web is not None
    return science.mean(axis=1, dtype=np.float64), web.mean(axis=1, dtype=np.float64)


def _contrast_curves(results: Results, configuration: Configuration) -> list[np.ndarray]:
    """Mean contrast of each signal model, (early checkpoints,) float64; none where the task has no contrast."""
    each = [window_contrasts(results, model, configuration.early.iterations) for model in configuration.signal_models]
    return [contrasts.mean(axis=1, dtype=np.float64) for contrasts in each if contrasts is not None]


def _early_items(results: Results, configuration: Configuration, model: str) -> np.ndarray:
    return window_items(results, model, configuration.early.iterations)


def _science_models(results: Results, configuration: Configuration) -> tuple[str, ...]:
    """The models whose early curves participants may see: the signal models, and others not of the web-only mixture."""
    mixtures = {model.id: model.mixture for model in results.file.models}
    held = mixtures[configuration.alignment.web] if configuration.alignment is not None else None
    return tuple(
        model for model in configuration.named_models if model in configuration.signal_models or mixtures[model] != held
    )


def _held_out(results: Results, configuration: Configuration) -> list[str]:
    """The ranked science models that are not among the signal models."""
    unseen = set(_science_models(results, configuration)) - set(configuration.signal_models)
    return [model for model in configuration.ranked_models if model in unseen]


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
