"""Several models on one benchmark: how far apart they are, and whether their early order holds late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from e2lm.signal.measures import Curve
from e2lm_ingestion.errors import OrganizerError
from e2lm_scoring.formulas.decision_accuracy import decision_accuracy
from e2lm_scoring.formulas.finetasks import ordering_consistency
from e2lm_scoring.formulas.ranking_consistency import kendall_tau, ranking_consistency
from e2lm_scoring.formulas.signal_to_noise import LAST, signal_to_noise

Groups = Mapping[str, Sequence[str]]  # a name -> models that are compared with each other
ALL_MODELS = "all models"


@dataclass(frozen=True, slots=True)
class Comparison:
    """The models of one group on one benchmark, at the checkpoints that they share."""

    group: str
    models: tuple[str, ...]
    early: np.ndarray  # (models, checkpoints) float64, higher is better
    late: np.ndarray  # (models, checkpoints); without late checkpoints the last one of all
    reference: np.ndarray  # (models,) early scores that late ones are compared with
    has_late: bool

    def measures(self) -> dict[str, object]:
        """SNR, FineTasks' ordering consistency, and the early order against the late one."""
        found: dict[str, object] = {"group": self.group}
        if self.early.shape[1] >= LAST:
            found["snr"] = signal_to_noise(self.early)
            found["ordering_consistency"] = ordering_consistency(self.early)
        if self.late.shape[1]:
            found["decision_accuracy"] = decision_accuracy(self.reference, self.late[:, -1])
        if self.has_late and self.late.shape[1]:
            found["ranking_consistency"] = ranking_consistency(self.early, self.late)
        return found


def compare(curves: Sequence[Curve], groups: Groups | None) -> list[Comparison]:
    """The comparisons that the curves of one benchmark allow: two or more models at two or more shared checkpoints.

    Without late checkpoints, the first half of the shared ones is compared with the last.
    """
    by_model = {curve.model: curve for curve in curves}
    found = []
    for name, models in (groups or {ALL_MODELS: tuple(by_model)}).items():
        members = [by_model[model] for model in models if model in by_model]
        if len(members) < 2:
            continue
        early, late = (_shared(members, early=part) for part in (True, False))
        if early.shape[1] < 2:
            continue
        has_late = late.shape[1] > 0
        reference = early if has_late else early[:, : early.shape[1] // 2]
        found.append(
            Comparison(
                group=name,
                models=tuple(member.model for member in members),
                early=early,
                late=late if has_late else early[:, -1:],
                reference=reference.mean(axis=1),
                has_late=has_late,
            )
        )
    return found


def _shared(curves: Sequence[Curve], *, early: bool) -> np.ndarray:
    """Scores at the checkpoints that all curves have in one window, (models, checkpoints)."""
    tables = []
    for curve in curves:
        chosen = curve.early if early else ~curve.early
        tables.append(dict(zip(curve.positions[chosen].tolist(), curve.scores[chosen].tolist(), strict=True)))
    shared = sorted(set.intersection(*(set(table) for table in tables)))
    return np.asarray([[table[position] for position in shared] for table in tables])


def rankings(curves: Sequence[Curve], groups: Groups | None) -> pd.DataFrame:
    """The early and the late order of the models of every group, a row for each benchmark, metric and group."""
    rows = []
    for members in by_benchmark(curves):
        for one in compare(members, groups):
            final = one.late[:, -1]
            rows.append(
                {
                    "benchmark": members[0].benchmark,
                    "metric": members[0].metric,
                    "early_order": _order(one.models, one.reference),
                    "late_order": _order(one.models, final),
                    "tau": kendall_tau(one.reference, final),
                    **one.measures(),
                }
            )
    return pd.DataFrame(rows)


def by_benchmark(curves: Sequence[Curve]) -> list[list[Curve]]:
    """The curves of each benchmark and metric, in the order of the first of each."""
    together: dict[tuple[str, str], list[Curve]] = {}
    for curve in curves:
        together.setdefault((curve.benchmark, curve.metric), []).append(curve)
    return list(together.values())


def check_groups(groups: Groups, models: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The groups with the models' full names. Raises OrganizerError for a model that there is not, or is alone."""
    found: dict[str, tuple[str, ...]] = {}
    for name, members in groups.items():
        full = tuple(_full_name(member, models, name) for member in members)
        if len(set(full)) < 2:
            raise OrganizerError(f"--group {name}: compares two or more models; there are: {', '.join(models)}")
        found[name] = full
    return found


def _full_name(name: str, models: Sequence[str], group: str) -> str:
    """A model by its name, or by the end of it: `pythia-1b` for `EleutherAI/pythia-1b`."""
    same = [model for model in models if model == name] or [
        model for model in models if model.rsplit("/", 1)[-1] == name
    ]
    if len(same) != 1:
        raise OrganizerError(f"--group {group}: no model is named {name!r}; there are: {', '.join(models)}")
    return same[0]


def _order(models: Sequence[str], scores: np.ndarray) -> str:
    return " > ".join(models[index] for index in np.argsort(-scores, kind="stable"))
