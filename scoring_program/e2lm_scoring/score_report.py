"""The result of scoring one submission: plain data, written to scores.json and drawn in the report."""

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
    low: np.ndarray | None = None  # (checkpoints,) 2.5 % quantile of the item bootstrap; None where it was not run
    high: np.ndarray | None = None  # (checkpoints,) 97.5 %
    wrong: np.ndarray | None = None  # (checkpoints,) scores with wrong labels; None where the task has no contrast


@dataclass(frozen=True, slots=True)
class ModelSignal:
    """Signal quality of one signal model, and how far it improved."""

    model: str
    monotonicity: float
    autocorrelation: float
    sq: float
    improvement_z: float
    contrast_z: float | None = None  # None where the task has no contrast
    unguessed_z: float | None = None  # the same of items that cannot be guessed; None where none is left out


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
class Interval:
    """A 95 % interval of a score over the choice of items, and its standard error; defined in uncertainty.py."""

    low: float
    high: float
    error: float


@dataclass(frozen=True, slots=True)
class ItemTable:
    """Analysis of each item, in the order of the test file; early science models only. Arrays are (items,)."""

    subset: np.ndarray  # str, the name of the item's subset, "" where the task has none
    mean: np.ndarray  # float64, mean score over the signal models' early checkpoints, higher is better
    rise: np.ndarray  # float64, mean of the last 3 early scores minus mean of the first 3, in the score's unit
    trend: np.ndarray  # float64 in [-1, 1], correlation of the item's scores with the order of training
    influence: np.ndarray  # float64, SQ of all items minus SQ without this one
    kind: np.ndarray  # str: rising, unclear, falling, floor, ceiling or constant


@dataclass(frozen=True, slots=True)
class SubsetRow:
    """Analysis of one subset; early checkpoints of the signal models only."""

    name: str
    items: int
    weight: float  # share of the score
    mean: float  # of its items, over all early checkpoints
    rise: float  # its last 3 early means minus its first 3, in the score's unit
    sq: float  # signal quality of its own curves
    influence: float  # SQ of the whole minus SQ without the subset; positive helps
    contrast_z: float | None = None  # improvement of its mean contrast; None where there is none, or too few items


@dataclass(frozen=True, slots=True)
class SubsetFinding:
    """Subsets that rise whatever answer is marked as right, formulas/subset_contrast.py; none where `weight` is 0."""

    names: tuple[str, ...] = ()
    items: int = 0
    weight: float = 0.0  # their share of the score
    other_share: float = 0.0  # label share of the other subsets
    blocks: bool = False  # whether they carry so much that a prize is withheld


@dataclass(frozen=True, slots=True)
class Pruning:
    """SQ with and without the 10 % of items with the lowest trend, on the choosing and on held-out models."""

    dropped: int
    chosen_on: tuple[str, ...]
    chosen_before: float
    chosen_after: float
    held_out: tuple[str, ...]  # empty where the suite has a single early science model, so that none can be held out
    held_out_before: float
    held_out_after: float


@dataclass(frozen=True, slots=True)
class Generalization:
    """What the scores are worth on other models, and from when on they decide; formulas/generalization.py."""

    qualities: dict[str, float]  # SQ of every model whose early curve participants may see
    tokens: np.ndarray  # (early checkpoints,) GT
    decisions: np.ndarray  # (early checkpoints,) decision accuracy in [0, 1]; empty without late checkpoints


@dataclass(frozen=True, slots=True)
class ScoreReport:
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
    reveal: str  # "participant": without late checkpoints and the web-only curve; "organizer": all is drawn
    provenance: dict[str, str] = field(default_factory=dict)  # engine, dtype, hashes: label -> value
    ranking_reference: str = "each"  # the reference of the early ranking: "each" late checkpoint, or "final"
    intervals: dict[str, Interval] = field(default_factory=dict)  # of score, sq, rc, cs: those that were computed
    table: ItemTable | None = None
    subsets: tuple[SubsetRow, ...] = ()
    subset_finding: SubsetFinding | None = None  # None where subsets cannot be compared
    warnings: tuple[str, ...] = ()  # warnings from the check of the submission
    clusters: int = 0  # what is resampled: clusters of items, or items that share nothing; 0 where it is not recorded
    expression: str = ""  # of a metric that is one of the participant's own
    blocking: tuple[tuple[str, str], ...] = ()  # kind and message of the warnings that withhold a prize
    found_by_scoring: tuple[tuple[str, str], ...] = ()  # those of them that scoring adds to the check's
    pruning: Pruning | None = None
    generalization: Generalization | None = None
    min_improvement_z: float = 3.0  # of the gate, standard errors
