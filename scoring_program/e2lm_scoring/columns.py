"""The columns of scores.json: one table for the scoring program, the report, the leaderboards, the bundle and the docs.

A new column is a row of COLUMNS. `python docs/columns.py` then writes its row of docs/metrics.md; competition.yaml
decides which columns the leaderboard on Codabench shows.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from e2lm_scoring.curves import oriented_chance
from e2lm_scoring.eligibility import Contrast
from e2lm_scoring.formulas.decision_accuracy import decision_accuracy
from e2lm_scoring.formulas.domain_alignment import gain_alignment
from e2lm_scoring.formulas.finetasks import non_randomness, ordering_consistency
from e2lm_scoring.formulas.generalization import (
    checkpoint_noise,
    decision_accuracies,
    error_over_models,
    late_retention,
    prediction_error,
    sq_at_fixed_items,
    tokens_to_decide,
)
from e2lm_scoring.formulas.improvement_gate import gate_z
from e2lm_scoring.formulas.ranking_consistency import kendall_tau
from e2lm_scoring.formulas.signal_quality import SignalQuality, signal_qualities
from e2lm_scoring.formulas.signal_to_noise import signal_to_noise
from e2lm_scoring.inputs.configuration import Configuration
from e2lm_scoring.inputs.results import Results
from e2lm_scoring.score_report import GroupRanking, SubsetFinding


@dataclass(frozen=True, slots=True)
class Measured:
    """What the columns of one submission are computed from."""

    results: Results
    total: Mapping[str, float]  # score, sq, rc, cs: those that the suite allows
    qualities: Sequence[SignalQuality]  # of the signal models
    ranking: Sequence[GroupRanking]
    early: np.ndarray  # (compared models, early checkpoints) float64, higher is better
    late: np.ndarray  # (compared models, late checkpoints) float64; no checkpoint where the suite has no late ones
    improvement_z: float
    contrast: Contrast | None  # None where the task has none
    contrast_curves: Sequence[np.ndarray]  # of the signal models, (early checkpoints,) each; none likewise
    subset_finding: SubsetFinding | None  # None where subsets cannot be compared
    held_out_z: float | None  # contrast z of the models other than the signal models
    signal_items: np.ndarray  # (signal models, early checkpoints, items) float32, higher is better
    effective_items: float  # how many items carry the score of the signal models
    signal_models: Sequence[str]
    model_qualities: Mapping[str, float]  # SQ of every model whose early curve participants may see
    tokens: np.ndarray  # (early checkpoints + late ones,) float64 GT, of the first compared model
    alignment_contrasts: tuple[np.ndarray, np.ndarray] | None  # of science and web, (early checkpoints,) each
    eligible: bool


@dataclass(frozen=True, slots=True)
class Need:
    """What a suite must have for a column."""

    words: str
    is_met: Callable[[Configuration], bool]


PARTS = Need("every part whose weight is above 0", lambda configuration: configuration.has_total)
LATE = Need("late checkpoints", lambda configuration: configuration.late is not None)
WEB = Need("a web-only model", lambda configuration: configuration.alignment is not None)
SHOWN_LATE = Need(
    "late checkpoints, revealed to the organizers",
    lambda configuration: configuration.late is not None and configuration.reveal == "organizer",
)
OTHERS = Need(
    "a ranked model other than the signal models",
    lambda configuration: bool(set(configuration.ranked_models) - set(configuration.signal_models)),
)
SEVERAL = Need("two or more models", lambda configuration: len(configuration.compared_models) > 1)


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `compute` gives None where this task or these results have no such value."""

    key: str  # in scores.json
    title: str  # at most 36 characters, for Codabench
    meaning: str  # a sentence, for the report
    compute: Callable[[Measured], float | None]
    how: str = ""  # the formula and its source in Markdown, for docs/metrics.md
    symbol: str = ""  # short for the title
    weight: str = ""  # of a component of the total: its key in the weights of scoring.yaml
    question: str = ""  # of a component of the total: what it answers, in a few words
    precision: int = 4
    sorting: Literal["desc", "asc"] = "desc"
    needs: tuple[Need, ...] = ()
    tasks: str = ""  # the tasks that have such a value, if not all have: a leaderboard cannot show it


COLUMNS = (
    Column(
        key="score",
        title="Score",
        meaning="The weighted sum of the parts; the leaderboard ranks it.",
        how="SQ, RC and CS by the weights of scoring.yaml; a part of weight 0 need not be measured",
        needs=(PARTS,),
        compute=lambda measured: measured.total["score"],
    ),
    Column(
        key="sq",
        title="Signal quality",
        symbol="SQ",
        weight="signal_quality",
        question="how steadily early curves rise",
        meaning="Mean over the signal models of (monotonicity + autocorrelation) / 2.",
        compute=lambda measured: measured.total["sq"],
    ),
    Column(
        key="rc",
        title="Ranking consistency",
        symbol="RC",
        weight="ranking_consistency",
        question="whether the early order holds late",
        meaning="How much of the early ranking still holds at the late checkpoints.",
        needs=(LATE,),
        compute=lambda measured: measured.total["rc"],
    ),
    Column(
        key="cs",
        title="Domain alignment",
        symbol="CS",
        weight="domain_alignment",
        question="how far science leads web only",
        meaning="Mean lead of the science mixture over web only, on a common scale.",
        needs=(WEB,),
        compute=lambda measured: measured.total["cs"],
    ),
    Column(
        key="rc_each",
        title="RC, each late checkpoint",
        meaning="Ranking consistency where every late checkpoint votes.",
        how="the RC above with `ranking_reference: each`",
        needs=(LATE,),
        compute=lambda measured: _mean(float(np.mean(group.agreement)) for group in measured.ranking),
    ),
    Column(
        key="rc_final",
        title="RC, last checkpoint",
        meaning="Ranking consistency where only the last checkpoint votes.",
        how="the RC above with `ranking_reference: final`",
        needs=(LATE,),
        compute=lambda measured: _mean(group.agreement[-1] for group in measured.ranking),
    ),
    Column(
        key="monotonicity",
        title="Monotonicity",
        meaning="Rank correlation of score and tokens, never below 0; mean over models.",
        how="mono, mean over the signal models",
        compute=lambda measured: _mean(quality.monotonicity for quality in measured.qualities),
    ),
    Column(
        key="autocorrelation",
        title="Autocorrelation",
        meaning="Mean absolute correlation of a curve with itself some checkpoints later.",
        how="ac, mean over the signal models",
        compute=lambda measured: _mean(quality.autocorrelation for quality in measured.qualities),
    ),
    Column(
        key="sq_published",
        title="SQ as published",
        meaning="SQ with tied scores ranked in order of appearance, as the starting kit does.",
        compute=lambda measured: _mean(quality.sq_published for quality in measured.qualities),
    ),
    Column(
        key="robust_signal",
        title="Robust signal",
        meaning="Like SQ, but a falling curve gets 0 and noise nearly 0.",
        how="mean of sqrt(mono · ac⁺), ac⁺ the signed autocorrelation clipped at 0; noise gets 0.03",
        compute=lambda measured: _mean(quality.robust for quality in measured.qualities),
    ),
    Column(
        key="spearman",
        title="Mean Spearman",
        meaning="Rank correlation of score and tokens, negative when the curve falls; 0.5 is good.",
        how="mean Spearman(t, S) without the clip at 0 (FineTasks, arXiv 2506.20920)",
        compute=lambda measured: _mean(quality.spearman for quality in measured.qualities),
    ),
    Column(
        key="snr",
        title="Signal-to-noise ratio",
        meaning="Largest gap between models over the wobble of the last five early checkpoints.",
        how="greatest distance between two models' means of the last 5 early scores, over the mean standard deviation "
        "of those 5 (arXiv 2508.13144, without its division by the mean); 0 when no score moves, however far apart "
        "the models are",
        compute=lambda measured: signal_to_noise(measured.early),
    ),
    Column(
        key="ordering_consistency",
        title="Ordering consistency",
        meaning="Agreement of the rankings of consecutive early checkpoints.",
        how="mean Kendall tau-a between the rankings of all ranked models at consecutive checkpoints of the second "
        "half of the early window (FineTasks)",
        needs=(SEVERAL,),
        compute=lambda measured: ordering_consistency(measured.early),
    ),
    Column(
        key="non_randomness",
        title="Non-randomness",
        meaning="Distance of the best last score from chance, in units of noise; 3 is good.",
        how="(best last early score − chance) / noise, the noise of `snr` (FineTasks); 0 when no score moves",
        tasks="a task with a chance level",
        compute=lambda measured: _non_randomness(measured),
    ),
    Column(
        key="tau_last",
        title="Kendall tau to the last checkpoint",
        meaning="Agreement of the early ranking of all models with the last one, from −1 to 1.",
        how="Kendall's tau-b over all ranked models between mean early score and score at the last checkpoint; 0 when "
        "all tie",
        needs=(LATE,),
        compute=lambda measured: kendall_tau(measured.early.mean(axis=1), measured.late[:, -1]),
    ),
    Column(
        key="decision_accuracy",
        title="Decision accuracy",
        meaning="Share of model pairs whose early order is their order at the end.",
        how="pairs of ranked models, by mean early score and by score at the last checkpoint; a tie counts half",
        needs=(LATE,),
        compute=lambda measured: decision_accuracy(measured.early.mean(axis=1), measured.late[:, -1]),
    ),
    Column(
        key="tokens_to_decide",
        title="Tokens to decide (GT)",
        meaning="Billions of tokens from which on early decisions between models are right in 80 % of pairs.",
        how="tokens of the first early checkpoint from which decision accuracy stays at 0.8 or above (DataDecide, "
        "arXiv 2504.11393); left out where it never does",
        precision=1,
        sorting="asc",
        needs=(LATE,),
        tasks="a task that decides early",
        compute=lambda measured: _tokens_to_decide(measured),
    ),
    Column(
        key="sq_held_out",
        title="SQ on other models",
        meaning="Signal quality on models other than the signal models; far lower: tuned to the signal models.",
        how="mean SQ of the ranked science models other than the signal models (such as arch2 of each size)",
        needs=(OTHERS,),
        compute=lambda measured: _sq_held_out(measured),
    ),
    Column(
        key="sq_model_error",
        title="Error of SQ over models",
        meaning="Standard error of SQ over the choice of models, beside the interval over items.",
        how="standard deviation of the SQ of all science models over the root of their number",
        sorting="asc",
        compute=lambda measured: error_over_models(list(measured.model_qualities.values())),
    ),
    Column(
        key="sq_1000",
        title="SQ at 1,000 items",
        meaning="Signal quality of 1,000 of the items, so that tasks of different size compare.",
        how="mean SQ of 50 random sets of 1,000 items",
        tasks="a task of 1,000 items or more",
        compute=lambda measured: sq_at_fixed_items(measured.signal_items),
    ),
    Column(
        key="checkpoint_noise",
        title="Checkpoint noise over item noise",
        meaning="Variance between neighboring checkpoints over what the choice of items explains; 1: all of it.",
        how="mean square of the curve's second differences over their variance across items, divided by their number; "
        "mean over the signal models",
        precision=2,
        sorting="asc",
        compute=lambda measured: checkpoint_noise(measured.signal_items),
    ),
    Column(
        key="late_retention",
        title="Late retention",
        meaning="Late change over early rise; below 0, part of what was gained early is lost.",
        how="(mean of the last 3 late scores − mean of the last 3 early ones) / (the latter − mean of the first 3), "
        "summed over the ranked models before division",
        precision=2,
        needs=(SHOWN_LATE,),
        compute=lambda measured: late_retention(measured.early, measured.late),
    ),
    Column(
        key="prediction_error",
        title="Error of predicted last score",
        meaning="How far a straight line in log tokens through the early curve misses the last score.",
        how="least squares of score on log(tokens) over the early window, for each ranked model; root mean square "
        "error at the last checkpoint over the mean range of a model's scores",
        precision=3,
        sorting="asc",
        needs=(SHOWN_LATE,),
        compute=lambda measured: _prediction_error(measured),
    ),
    Column(
        key="cs_gain",
        title="Gain from science",
        meaning="Share of the gain over wrong labels that the web-only model lacks; sturdier than CS.",
        how="max(0, (G_science − G_web) / G_science), G the mean of the last three early contrasts, never below 0",
        needs=(WEB,),
        tasks="a task with a contrast",
        compute=lambda measured: (
            None if measured.alignment_contrasts is None else gain_alignment(*measured.alignment_contrasts)
        ),
    ),
    Column(
        key="items",
        title="Items",
        meaning="Questions that were scored.",
        precision=0,
        compute=lambda measured: float(measured.results.file.submission.items),
    ),
    Column(
        key="effective_items",
        title="Effective items",
        meaning="How many items carry the score: all of them where they have the same influence.",
        how="(Σ influence)² / Σ influence², an item's influence being the root mean square distance of its scores from "
        "their mean, over the signal models' early checkpoints",
        precision=0,
        compute=lambda measured: measured.effective_items,
    ),
    Column(
        key="minutes",
        title="Minutes of compute",
        meaning="What the models computed, summed over the checkpoints.",
        how="not the same in two runs that agree in all else; left out where the results have no journal",
        precision=1,
        sorting="asc",
        compute=lambda measured: None if measured.results.seconds is None else measured.results.seconds / 60,
    ),
    Column(
        key="improvement_z",
        title="Improvement z",
        meaning="Rise over the early window, in standard errors over items; median over models.",
        how="z of the improvement gate, median over the signal models",
        precision=2,
        compute=lambda measured: measured.improvement_z,
    ),
    Column(
        key="contrast_z",
        title="Contrast z",
        meaning="The same rise, of scores with right labels over those with wrong ones; decides on eligibility.",
        how="z of the improvement gate of the contrast, median over the signal models",
        precision=2,
        tasks="a task with a contrast",
        compute=lambda measured: None if measured.contrast is None else gate_z(measured.contrast.z_of_model),
    ),
    Column(
        key="contrast_z_held_out",
        title="Contrast z on other models",
        meaning="The contrast z of models other than the signal models; far lower: chosen by the released checkpoints.",
        how="as `contrast_z`, median over the ranked science models other than the signal models (such as arch2 of "
        "each size)",
        precision=2,
        needs=(OTHERS,),
        tasks="a task with a contrast",
        compute=lambda measured: measured.held_out_z,
    ),
    Column(
        key="unguessed_z",
        title="Contrast z, answers not guessable",
        meaning="The contrast z of the items that guessers without the question get wrong; decides on eligibility too.",
        how="as `contrast_z`, without the items whose right answer is the longest or the shortest choice, or the one "
        "that a classifier of the choices picks, where that guesser is better than chance (3.3 standard errors)",
        precision=2,
        tasks="a task whose choices give answers away",
        compute=lambda measured: _unguessed_z(measured),
    ),
    Column(
        key="sq_contrast",
        title="SQ of the contrast",
        meaning="Signal quality of right labels over wrong ones, without what any text gains by training.",
        how="SQ of the mean contrast at each early checkpoint, mean over the signal models",
        tasks="a task with a contrast",
        compute=lambda measured: _sq_contrast(measured),
    ),
    Column(
        key="label_share",
        title="Label share",
        meaning="Share of the early rise that wrong labels do not show; 1 for accuracy, 0 for any text.",
        how="rise of the contrast over rise of the score, over the signal models, clipped to 0 and 1",
        tasks="a task with a contrast",
        compute=lambda measured: None if measured.contrast is None else measured.contrast.label_share,
    ),
    Column(
        key="subsets_without_contrast",
        title="Weight of subsets without contrast",
        meaning="Share of the score in subsets that rise whatever answer is marked as right; from 0.1, no prize.",
        how="weight of the subsets whose contrast z and label share are both below the minimum, where together they "
        "clearly have less contrast than the others ([validity.md](validity.md#subsets-that-measure-nothing))",
        sorting="asc",
        tasks="a group of tasks with a contrast",
        compute=lambda measured: None if measured.subset_finding is None else measured.subset_finding.weight,
    ),
    Column(
        key="eligible",
        title="Eligible (1 = yes)",
        meaning="Whether the submission takes part in the ranking.",
        how="1 where `contrast_z`, and `unguessed_z` where there is one, reach `min_improvement_z`, `label_share` "
        "`min_label_share` and `effective_items` `min_effective_items` of scoring.yaml, else 0; a task without a "
        "contrast is not eligible unless `require_contrast` is false",
        precision=0,
        compute=lambda measured: float(measured.eligible),
    ),
)
BY_KEY = {column.key: column for column in COLUMNS}
COMPONENTS = tuple(column.key for column in COLUMNS if column.weight)
TOTAL_AND_COMPONENTS = ("score", *COMPONENTS)  # what the item bootstrap gives an interval


def compute_columns(measured: Measured, configuration: Configuration) -> dict[str, float]:
    """The columns of a submission, key -> value, in the order of the table."""
    values = {column.key: column.compute(measured) for column in columns_of(configuration)}
    return {key: value for key, value in values.items() if value is not None}


def columns_of(configuration: Configuration) -> tuple[Column, ...]:
    """The columns that a suite allows; those of every task are in every scores.json of a complete sweep."""
    return tuple(column for column in COLUMNS if all(need.is_met(configuration) for need in column.needs))


def ranked_by(columns: Container[str]) -> str:
    """What submissions are ranked by: the total, or SQ in a suite that allows no total."""
    return "score" if "score" in columns else "sq"


def _non_randomness(measured: Measured) -> float | None:
    chance = oriented_chance(measured.results)
    return None if chance is None else non_randomness(measured.early, chance)


def _tokens_to_decide(measured: Measured) -> float | None:
    accuracies = decision_accuracies(measured.early, measured.late[:, -1])
    return tokens_to_decide(measured.tokens[: len(accuracies)], accuracies)


def _sq_held_out(measured: Measured) -> float | None:
    others = [sq for model, sq in measured.model_qualities.items() if model not in measured.signal_models]
    return _mean(others) if others else None


def _prediction_error(measured: Measured) -> float:
    early = measured.early.shape[1]
    return prediction_error(measured.tokens[:early], measured.early, measured.tokens[-1], measured.late[:, -1])


def _unguessed_z(measured: Measured) -> float | None:
    contrast = measured.contrast
    return gate_z(contrast.unguessed_z_of_model) if contrast is not None and contrast.unguessed_z_of_model else None


def _sq_contrast(measured: Measured) -> float | None:
    if not measured.contrast_curves:
        return None
    return float(np.mean(signal_qualities(np.stack(measured.contrast_curves))))


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))
