"""A suite of simulated models that grow fluent and learn facts, scored by both programs' functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from e2lm_ingestion.metrics.builtin import MetricFormula
from e2lm_ingestion.metrics.contrast import contrast_scores
from e2lm_ingestion.metrics.expression import Columns
from e2lm_scoring.inputs.configuration import Configuration
from e2lm_scoring.inputs.results import Results, ResultsFile
from e2lm_scoring.score_report import ScoreReport
from e2lm_scoring.scores import evaluate_results

EARLY, LATE = list(range(1, 15)), list(range(15, 23))
SIGNAL, OTHERS, WEB = ("a1", "b1"), ("a2", "b2"), "web"
CONFIGURATION = Configuration.model_validate(
    {
        "suite": "simulated",
        "suite_version": 1,
        "early": {"iterations": EARLY},
        "late": {"iterations": LATE},
        "signal_models": SIGNAL,
        "ranking_groups": [["a1", "a2"], ["b1", "b2"]],
        "alignment": {"science": "a1", "web": WEB},
        "reveal": "organizer",
    }
)
SKILL = {"a1": 1.0, "a2": 0.9, "b1": 1.3, "b2": 1.15, "web": 0.3}
CHOICES = 4
Scores = Mapping[tuple[str, int], np.ndarray]


def progress_of(model: str, iteration: int) -> float:
    """How far a model has come at a checkpoint, in units of the last early one of `a1`."""
    return float(SKILL[model] * np.log1p(iteration) / np.log1p(EARLY[-1]))


def answers(items: int, seed: int = 0) -> tuple[np.ndarray, dict[tuple[str, int], np.ndarray]]:
    """The true answer of each item, (items,), and log-likelihoods (items, choices) of every model and checkpoint.

    Fluency raises all choices of an item alike; knowledge raises the true one. Both are those of the models' skill.
    """
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, CHOICES, items)
    taste = rng.normal(0, 1.5, (items, CHOICES))
    found = {}
    for model, iteration in CONFIGURATION.needed:
        progress = progress_of(model, iteration)
        knows = 2 * progress * (np.arange(CHOICES) == truth[:, None])
        noise = rng.normal(0, 0.5, (items, CHOICES))
        found[(model, iteration)] = -9 + 3 * progress + knows + taste + noise
    return truth, found


def judged(
    formula: MetricFormula,
    gold: np.ndarray,
    likelihoods: Scores,
    *,
    subsets: Sequence[int] = (),
    clusters: np.ndarray | None = None,
    chars: np.ndarray | None = None,
    unguessed: np.ndarray | None = None,
    weight_by_size: bool = True,
) -> ScoreReport:
    """The report of a task with labels `gold` (items,) under a metric: ingestion's scores, scoring's verdict.

    `chars` (items, choices) are the lengths of choices, `unguessed` (items,) what no guesser gets right.
    """
    items = len(gold)
    right = (np.arange(CHOICES) == gold[:, None]).ravel()
    offsets = np.arange(0, items * CHOICES + 1, CHOICES)
    number = np.tile(np.arange(CHOICES), items)
    scores, contrasts = {}, {}
    for key, own in likelihoods.items():
        values = {"ll": own.ravel(), "gold": right, "number": number}
        columns = Columns(offsets, values if chars is None else {**values, "chars": chars.ravel()})
        scores[key] = formula.item_scores(columns)
        contrast = contrast_scores(formula, columns)
        assert contrast is not None
        contrasts[key] = contrast
    return scored(
        scores, contrasts, subsets=subsets, clusters=clusters, unguessed=unguessed, weight_by_size=weight_by_size
    )


def scored(
    scores: Scores,
    contrasts: Scores | None = None,
    *,
    subsets: Sequence[int] = (),
    clusters: np.ndarray | None = None,
    unguessed: np.ndarray | None = None,
    weight_by_size: bool = True,
    configuration: Configuration = CONFIGURATION,
) -> ScoreReport:
    """The report of item scores, with contrasts or without."""
    items = len(next(iter(scores.values())))
    row = {"items": items, "arrays": "-", "sha256": "-"}
    file = ResultsFile.model_validate(
        {
            "schema": "e2lm-results/1",
            "suite": "simulated",
            "suite_version": 1,
            "task": "attack",
            "metric": "m",
            "higher_is_better": True,
            "chance": None,
            "submission": {"sha256": "0" * 64, "items": items},
            "engine": {},
            "models": [
                {"id": name, "size": name[0], "architecture": name[-1], "mixture": "web" if name == WEB else "science"}
                for name in SKILL
            ],
            "checkpoints": [
                {"model": model, "iteration": step, "tokens": step * 10**9, "score": float(own.mean()), **row}
                for (model, step), own in scores.items()
            ],
            "subsets": [{"name": f"s{i}", "items": size} for i, size in enumerate(subsets)],
            "weight_by_size": weight_by_size,
        }
    )
    rows = {(one.model, one.iteration): one for one in file.checkpoints}
    weighted, weighted_contrasts = (
        {key: own * file.item_weights for key, own in values.items()} for values in (scores, contrasts or {})
    )
    results = Results(file, rows, weighted, weighted_contrasts, clusters, None, unguessed)
    return evaluate_results(results, configuration)[0]
