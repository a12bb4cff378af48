"""One curve -> its measures, by the formulas of the scoring program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from e2lm.signal.windows import EARLY, LATE, WINDOW
from e2lm_scoring.formulas.finetasks import non_randomness
from e2lm_scoring.formulas.improvement_gate import ENDS, improvement_z
from e2lm_scoring.formulas.label_contrast import label_share
from e2lm_scoring.formulas.leaves_chance import leaves_chance
from e2lm_scoring.formulas.signal_quality import MIN_CHECKPOINTS, signal_qualities, signal_quality
from e2lm_scoring.formulas.signal_to_noise import LAST
from e2lm_scoring.formulas.strata import Stratum, strata_of
from e2lm_scoring.inputs.configuration import Configuration
from e2lm_scoring.uncertainty import band, interval, resampled_means

MIN_Z: float = Configuration.model_fields["min_improvement_z"].default
MIN_SHARE: float = Configuration.model_fields["min_label_share"].default
Measure = Callable[[np.ndarray], float]  # early scores (checkpoints,), higher is better -> a number


@dataclass(frozen=True, slots=True)
class Curve:
    """The scores of one model on one benchmark under one metric, in order of training."""

    model: str
    benchmark: str
    metric: str
    steps: tuple[int | None, ...]
    tokens: np.ndarray  # (checkpoints,) float64, a count; NaN where it is not known
    raw: np.ndarray  # (checkpoints,) float64, in the metric's own direction
    higher_is_better: bool
    errors: np.ndarray | None  # (checkpoints,) float64: standard errors over items
    early: np.ndarray  # (checkpoints,) bool
    items: int | None
    item_scores: np.ndarray | None  # (checkpoints, items) float32, higher is better
    contrast: np.ndarray | None  # (checkpoints, items) float32, higher is better
    subsets: tuple[int, ...]
    chance: float | None  # in the metric's own direction

    @property
    def scores(self) -> np.ndarray:
        """(checkpoints,) float64, higher is better."""
        return self.raw if self.higher_is_better else -self.raw

    @property
    def oriented_chance(self) -> float | None:
        """The score of guessing, higher is better."""
        return self.chance if self.chance is None or self.higher_is_better else -self.chance

    @property
    def positions(self) -> np.ndarray:
        """How far training is, (checkpoints,): tokens where all are known, else steps."""
        if np.isfinite(self.tokens).all():
            return self.tokens
        return np.asarray([np.nan if step is None else step for step in self.steps], dtype=np.float64)


def curve_of(rows: pd.DataFrame) -> Curve:
    """The curve of rows that share model, benchmark and metric, with a column `window`."""
    has_tokens = bool(rows["tokens"].notna().all())
    rows = rows.sort_values("tokens" if has_tokens else "step", kind="stable")
    first = rows.iloc[0]
    higher = bool(first["higher_is_better"])
    item_scores = _stacked(rows["item_scores"], higher)
    errors = None
    if item_scores is not None and item_scores.shape[1] > 1:
        errors = item_scores.std(axis=1, ddof=1, dtype=np.float64) / np.sqrt(item_scores.shape[1])
    elif rows["stderr"].notna().all():
        errors = rows["stderr"].to_numpy(dtype=np.float64)
    chances = rows["chance"].dropna().unique()
    counts = rows["items"].dropna().unique()
    return Curve(
        model=str(first["model"]),
        benchmark=str(first["benchmark"]),
        metric=str(first["metric"]),
        steps=tuple(None if pd.isna(step) else int(step) for step in rows["step"]),
        tokens=rows["tokens"].to_numpy(dtype=np.float64),
        raw=rows["score"].to_numpy(dtype=np.float64),
        higher_is_better=higher,
        errors=errors,
        early=(rows[WINDOW] == EARLY).to_numpy(),
        items=int(counts[0]) if len(counts) == 1 else None,
        item_scores=item_scores,
        contrast=_stacked(rows["contrast"], higher),
        subsets=tuple(first["subsets"] or ()),
        chance=float(chances[0]) if len(chances) == 1 else None,
    )


def _stacked(column: pd.Series, higher: bool) -> np.ndarray | None:
    """(checkpoints, items), where every checkpoint has as many."""
    arrays = [value for value in column if isinstance(value, np.ndarray)]
    if len(arrays) != len(column) or len({len(array) for array in arrays}) != 1:
        return None
    stacked = np.stack(arrays)
    return stacked if higher else -stacked


def measured(curve: Curve, own: Mapping[str, Measure], draws: int) -> dict[str, object]:
    """The measures of one curve, key -> value; None where a curve does not tell."""
    scores = curve.scores[curve.early]
    found: dict[str, object] = {
        "model": curve.model,
        "benchmark": curve.benchmark,
        "metric": curve.metric,
        "checkpoints": len(scores),
        **dict.fromkeys(("sq", "sq_low", "sq_high", "monotonicity", "autocorrelation", "sq_published", "spearman")),
        **dict.fromkeys(("robust_signal", "improvement_z", "z_from", "eligible", "contrast_z", "label_share")),
        "non_randomness": None,
        **dict.fromkeys(("leaves_chance_tokens", "leaves_chance_step")),
        "chance": curve.chance,
        "items": curve.items,
        "first_score": float(curve.raw[curve.early][0]) if len(scores) else None,
        "last_score": float(curve.raw[curve.early][-1]) if len(scores) else None,
    }
    found["note"] = ""
    if len(scores) < MIN_CHECKPOINTS:
        found["note"] = f"{len(scores)} checkpoint{'s' * (len(scores) != 1)}, signal quality needs {MIN_CHECKPOINTS}"
        return {**found, **dict.fromkeys(own)}
    quality = signal_quality(scores)
    found |= {
        "sq": quality.sq,
        "monotonicity": quality.monotonicity,
        "autocorrelation": quality.autocorrelation,
        "sq_published": quality.sq_published,
        "spearman": quality.spearman,
        "robust_signal": quality.robust,
    }
    found |= _interval(curve, quality.sq, draws) | _improvement(curve) | _chance(curve, scores)
    return {**found, **{name: float(measure(scores)) for name, measure in own.items()}}


def _interval(curve: Curve, sq: float, draws: int) -> dict[str, object]:
    """The 95 % interval of SQ over the choice of items."""
    if curve.item_scores is None or not draws:
        return {}
    means = resampled_means(curve.item_scores[curve.early].T, strata=_strata(curve.item_scores, curve), draws=draws)
    reach = interval(sq, signal_qualities(means))
    return {"sq_low": reach.low, "sq_high": reach.high}


def _improvement(curve: Curve) -> dict[str, object]:
    """z of the improvement: from items, or approximately from the standard errors of the scores.

    Standard errors do not say how far the same items are right at both ends of a curve. Taken as independent, they
    give a larger error than the paired one, hence a smaller z.
    """
    if curve.item_scores is not None:
        strata = _strata(curve.item_scores, curve)
        z = improvement_z(curve.item_scores[curve.early], strata)
        found: dict[str, object] = {"improvement_z": z, "z_from": "items"}
        return found if curve.contrast is None else found | _gate(curve, curve.contrast[curve.early], strata)
    if curve.errors is None:
        return {}
    scores, errors = curve.scores[curve.early], curve.errors[curve.early]
    spread = float(np.hypot(errors[:ENDS].mean(), errors[-ENDS:].mean()))
    rise = float(scores[-ENDS:].mean() - scores[:ENDS].mean())
    return {"improvement_z": rise / spread, "z_from": "standard errors"} if spread > 0 else {}


def _gate(curve: Curve, contrast: np.ndarray, strata: tuple[Stratum, ...]) -> dict[str, object]:
    """The competition's gate, of this model alone; `contrast` is (early checkpoints, items)."""
    z = improvement_z(contrast, strata)
    share = label_share([curve.scores[curve.early]], [contrast.mean(axis=1, dtype=np.float64)])
    return {"contrast_z": z, "label_share": share, "eligible": z >= MIN_Z and share >= MIN_SHARE}


def _strata(item_scores: np.ndarray, curve: Curve) -> tuple[Stratum, ...]:
    return strata_of(item_scores.shape[1], curve.subsets)


def _chance(curve: Curve, scores: np.ndarray) -> dict[str, object]:
    """Distance from chance, and where the curve leaves it; the first score stands in for chance that is not known."""
    chance = curve.oriented_chance
    found: dict[str, object] = {}
    if chance is not None and len(scores) >= LAST:
        found["non_randomness"] = non_randomness(scores[None], chance)
    if curve.errors is None:
        return found
    errors = curve.errors[curve.early]
    if chance is None:
        errors = np.hypot(errors, errors[0])
        found["note"] = "chance is not known: the first score stands in"
    index = leaves_chance(scores, errors, float(scores[0]) if chance is None else chance)
    if index is not None:
        tokens = float(curve.tokens[curve.early][index])
        found["leaves_chance_tokens"] = tokens if np.isfinite(tokens) else None
        found["leaves_chance_step"] = [step for step, early in zip(curve.steps, curve.early, strict=True) if early][
            index
        ]
    return found


def error_band(curve: Curve) -> tuple[np.ndarray, np.ndarray] | None:
    """The ends of a 95 % band around the raw scores, (checkpoints,) twice; None where no error is known."""
    if curve.item_scores is not None:
        low, high = band(resampled_means(curve.item_scores.T, strata=_strata(curve.item_scores, curve), draws=200))
        return (low, high) if curve.higher_is_better else (-high, -low)
    if curve.errors is None:
        return None
    reach = 1.96 * curve.errors
    return curve.raw - reach, curve.raw + reach


__all__ = ["EARLY", "LATE", "Curve", "Measure", "curve_of", "error_band", "measured"]
