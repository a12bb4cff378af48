"""Which items the judge reads: half of them drawn alike, half by how far they move the score."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from e2lm.submissions.judging.verdicts import Answer
from e2lm_ingestion.checks.influence import trial_influences
from e2lm_ingestion.output_types.item_sets import item_set_of
from e2lm_ingestion.submission.submission import Submission
from e2lm_scoring.curves import window_items
from e2lm_scoring.errors import OrganizerError
from e2lm_scoring.formulas.effective_items import item_movements
from e2lm_scoring.inputs.configuration import Configuration
from e2lm_scoring.inputs.results import read_results


@dataclass(frozen=True, slots=True)
class Sample:
    """The items to ask about, and which draws by influence they stand for."""

    items: tuple[int, ...]  # each once, in the order they are asked
    by_influence: tuple[int, ...]  # draws with repetition; an item that carries the score is drawn often


def sample(influences: np.ndarray, count: int, seed: int) -> Sample:
    """`count` of the items, drawn in turn alike and in proportion to their influence, (items,) >= 0.

    A larger sample contains the smaller one. Only the seed and the influences choose: neither names, nor the content
    of a submission; an order of items cannot be chosen for a seed that is drawn later.
    """
    total = float(influences.sum())
    weights = influences / total if total > 0 else np.full(len(influences), 1 / len(influences))
    alike = np.random.default_rng([seed, 0]).permutation(len(weights))
    random = np.random.default_rng([seed, 1]).random(len(weights))
    weighed = np.minimum(np.searchsorted(np.cumsum(weights), random, side="right"), len(weights) - 1)
    asked: dict[int, None] = {}
    draws: list[int] = []
    for one, other in zip(alike.tolist(), weighed.tolist(), strict=True):
        for item, is_weighed in ((one, False), (other, True)):
            if len(asked) == count and item not in asked:
                return Sample(tuple(asked), tuple(draws))
            asked[item] = None
            draws += [item] if is_weighed else []
    return Sample(tuple(asked), tuple(draws))


def seed_of(given: int | None, earlier: Sequence[Answer]) -> int:
    """The seed that was given, or that of earlier answers, or a new one that nobody can predict."""
    recorded = next((answer.seed for answer in reversed(earlier) if answer.seed is not None), None)
    return next((seed for seed in (given, recorded) if seed is not None), secrets.randbits(53))


def influences_of(submission: Submission, run: Path | None, configuration: Configuration) -> np.ndarray:
    """How far each item moves the score, (items,) float64: in the results of a run, or under answers drawn at random.

    `run` is a folder of results. Raises OrganizerError when they are of another submission or suite.
    """
    if run is None:
        return trial_influences(item_set_of(submission))
    results = read_results(run, configuration)
    if results.file.submission.sha256 != submission.sha256:
        raise OrganizerError(f"{run}: results of another submission than {submission.name}; give its own run")
    early = configuration.early.iterations
    return item_movements(np.stack([window_items(results, model, early) for model in configuration.signal_models]))
