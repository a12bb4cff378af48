"""What one submission's scoring produced: plain data, written to scores.json and drawn in the report."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, slots=True)
class Curve:
    """The benchmark scores of one model over training, "higher is better", on the whole grid in order of tokens."""

    model: str
    size: str
    architecture: str
    mixture: str
    tokens: np.ndarray  # (checkpoints,) float64, billions of tokens (GT)
    scores: np.ndarray  # (checkpoints,) float64
    early: np.ndarray  # (checkpoints,) bool: on the early grid


@dataclass(frozen=True, slots=True)
class ModelSignal:
    """Signal quality of one signal model, and how far it improved."""

    model: str
    monotonicity: float
    autocorrelation: float
    sq: float
    improvement_z: float


@dataclass(frozen=True, slots=True)
class GroupRanking:
    """Ranking consistency within one group of models."""

    models: tuple[str, ...]
    early_means: np.ndarray  # (models,) float64
    tokens: np.ndarray  # (late checkpoints,) GT
    agreement: np.ndarray  # (late checkpoints,) (tau + 1) / 2 in [0, 1]
    rc: float


@dataclass(frozen=True, slots=True)
class Alignment:
    """Science mixture against web only, on the early grid."""

    science: str
    web: str
    tokens: np.ndarray  # (early checkpoints,) GT
    science_normalized: np.ndarray  # (early checkpoints,) in [0, 1]
    web_normalized: np.ndarray  # (early checkpoints,) in [0, 1]
    cs: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything the leaderboard and the report show of one submission."""

    task: str
    suite: str
    metric: str
    items: int
    chance: float | None
    scores: dict[str, float]  # the columns of scores.json; "score", "rc", "cs" only where the suite allows them
    weights: dict[str, float]  # signal_quality, ranking_consistency, domain_alignment
    eligible: bool
    reasons: tuple[str, ...]  # why it is not eligible, one sentence each
    curves: tuple[Curve, ...]
    signal: tuple[ModelSignal, ...]
    ranking: tuple[GroupRanking, ...]  # empty where the suite has no late checkpoints
    alignment: Alignment | None  # None where the suite has no web-only model
    reveal: str  # "participant": late checkpoints and the web-only curve stay hidden; "organizer": all is drawn
    provenance: dict[str, str] = field(default_factory=dict)  # engine, dtype, hashes: label -> value
