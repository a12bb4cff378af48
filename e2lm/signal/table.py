"""The table of benchmarks: a row for each model, benchmark and metric, best first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from e2lm.signal.curves import COLUMNS, CURVE, NOTES, load_curves
from e2lm.signal.measures import Curve, Measure, curve_of, measured
from e2lm.signal.rankings import Groups, by_benchmark, check_groups, compare
from e2lm.signal.windows import Grid, load_grid, on_grid, with_windows
from e2lm_ingestion.errors import OrganizerError
from e2lm_scoring.uncertainty import DRAWS

ACROSS_MODELS = ("group", "snr", "ordering_consistency", "decision_accuracy", "ranking_consistency")


def signal_table(
    curves: pd.DataFrame,
    *,
    early: float | None = None,
    late: float | None = None,
    groups: Groups | None = None,
    suite: str | None = None,
    chance: float | Mapping[str, float] | None = None,
    measures: Mapping[str, Measure] | None = None,
    draws: int = DRAWS,
) -> pd.DataFrame:
    """How much each benchmark says early in training, a row for each model, benchmark and metric, best first.

    `curves` comes from `load_curves`, or is a data frame that it reads. `early` and `late` are tokens: up to `early`
    a curve is measured, from there to `late` orders are compared with; by default all checkpoints are early. `groups`
    names models to compare with each other (default: all). `suite` takes the checkpoints of a suite's grid instead.
    `chance` is the score of guessing, by benchmark or for all. `measures` adds columns of your own, each a function of
    the early scores (checkpoints,), higher is better. `draws` resamples items for intervals, where there are items.

    A row with fewer than eight early checkpoints has no signal quality, and its `note` says so. Raises OrganizerError
    for windows, groups or suites that do not fit.
    """
    choice = Choice(early=early, late=late, groups=groups, suite=suite, chance=chance)
    return table_of(choose(curves, choice), measures=measures, draws=draws)


@dataclass(frozen=True, slots=True)
class Choice:
    """What of the curves is measured, and in comparison with what; the arguments of `signal_table`."""

    early: float | None = None  # tokens
    late: float | None = None  # tokens
    groups: Groups | None = None
    suite: str | None = None
    chance: float | Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """The curves that are measured, with their windows, and what they are compared in."""

    curves: tuple[Curve, ...]
    groups: Groups | None
    grid: Grid | None  # of a suite
    notes: tuple[str, ...]


def choose(curves: pd.DataFrame, choice: Choice) -> Chosen:
    """The curves within the windows. Raises the errors of `signal_table`."""
    if not set(COLUMNS) <= set(curves.columns):
        curves = load_curves(curves)
    groups = choice.groups
    grid = None if choice.suite is None else load_grid(choice.suite)
    if grid is None:
        frame = with_windows(curves, choice.early, choice.late)
    elif choice.early is not None or choice.late is not None:
        raise OrganizerError("--suite has windows of its own; leave --early and --late out")
    else:
        frame = on_grid(curves, grid)
        groups = groups or _groups_of(grid, set(frame["model"]))
    if frame.empty:
        raise OrganizerError("no checkpoint lies in the windows; choose others")
    notes = tuple(frame.attrs.get(NOTES, ()))
    frame = _with_chance(frame, choice.chance)
    checked = None if groups is None else check_groups(groups, list(dict.fromkeys(map(str, frame["model"]))))
    found = tuple(curve_of(rows) for _, rows in frame.groupby(CURVE, sort=False))
    return Chosen(found, checked, grid, notes)


def table_of(chosen: Chosen, *, measures: Mapping[str, Measure] | None = None, draws: int = DRAWS) -> pd.DataFrame:
    """The table of chosen curves, best first; the arguments are those of `signal_table`."""
    own = dict(measures or {})
    rows = [measured(curve, own, draws) for curve in chosen.curves]
    across = _across_models(chosen)
    for row in rows:
        row |= dict.fromkeys(ACROSS_MODELS) | across.get((row["benchmark"], row["metric"], row["model"]), {})
    table = pd.DataFrame(rows)
    for key in set(table) - {"eligible", "z_from", "group", "note", *CURVE}:
        table[key] = pd.to_numeric(table[key])
    if chosen.grid is not None:
        table = _with_suite(table, chosen.curves, chosen.grid)
    keys = [key for key in ("suite_sq", "sq", "monotonicity") if key in table]
    ascending = [False] * len(keys) + [True] * len(CURVE)
    table = table.sort_values([*keys, *CURVE], ascending=ascending, na_position="last", kind="stable")
    table = table.reset_index(drop=True)
    table.attrs[NOTES] = [*chosen.notes, *_compared(chosen)]
    return table


def records(table: pd.DataFrame) -> list[dict[str, object]]:
    """The rows of a table, column -> value."""
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def _groups_of(grid: Grid, models: set[str]) -> Groups | None:
    """The suite's ranking groups whose models are there."""
    whole = [group for group in grid.configuration.ranking_groups if set(group) <= models]
    return {" and ".join(group): group for group in whole} or None


def _with_chance(frame: pd.DataFrame, chance: float | Mapping[str, float] | None) -> pd.DataFrame:
    """The frame with the chance that the caller knows. Raises OrganizerError for one on another scale than scores."""
    if chance is None:
        return frame
    if isinstance(chance, Mapping):
        unknown = [name for name in chance if name not in set(frame["benchmark"])]
        if unknown:
            raise OrganizerError(f"--chance {unknown[0]}: no such benchmark; see the table for the names")
        given = frame["benchmark"].map(chance)
        frame = frame.assign(chance=given.fillna(frame["chance"]))
    else:
        given = frame["chance"].isna().map({True: chance, False: np.nan})
        frame = frame.assign(chance=frame["chance"].fillna(chance))
    for (benchmark, metric), rows in frame[given.notna()].groupby(["benchmark", "metric"], sort=False):
        low, high, own = float(rows["score"].min()), float(rows["score"].max()), float(rows["chance"].iloc[0])
        if low >= 0 and high <= 1 and not 0 <= own <= 1:
            raise OrganizerError(
                f"--chance {own:g}: not on the scale of {benchmark} {metric}, whose scores go from {low:.3g} to "
                f"{high:.3g}; give the score of guessing, such as 0.25"
            )
    return frame


def _across_models(chosen: Chosen) -> dict[tuple[object, object, object], dict[str, object]]:
    """What compares models, by (benchmark, metric, model)."""
    return {
        (members[0].benchmark, members[0].metric, model): one.measures()
        for members in by_benchmark(chosen.curves)
        for one in compare(members, chosen.groups)
        for model in one.models
    }


def _with_suite(table: pd.DataFrame, curves: Sequence[Curve], grid: Grid) -> pd.DataFrame:
    """The suite's SQ: the mean over its signal models at every checkpoint of its grid, or none where one is missing."""
    table = table.astype({"note": object})
    gaps: dict[tuple[str, str, str], list[int]] = {}
    for curve in curves:
        own = {step for step, early in zip(curve.steps, curve.early, strict=True) if early}
        gaps[(curve.model, curve.benchmark, curve.metric)] = [step for step in grid.early if step not in own]
    for index, row in table.iterrows():
        missing = gaps[(row["model"], row["benchmark"], row["metric"])]
        if missing:
            table.loc[index, ["sq", "sq_low", "sq_high"]] = np.nan
            shown = ", ".join(map(str, missing[:4])) + (" ..." if len(missing) > 4 else "")
            table.loc[index, "note"] = f"{len(missing)} of the suite's {len(grid.early)} checkpoints missing: {shown}"
    signal = table[table["model"].isin(grid.configuration.signal_models)]
    values = {}
    for (benchmark, metric), rows in signal.groupby(["benchmark", "metric"]):
        complete = len(rows) == len(grid.configuration.signal_models) and rows["sq"].notna().all()
        values[(benchmark, metric)] = float(rows["sq"].astype(float).mean()) if complete else np.nan
    suite_sq = [values.get((row["benchmark"], row["metric"]), np.nan) for _, row in table.iterrows()]
    table.insert(list(table.columns).index("sq"), "suite_sq", suite_sq)
    return table


def _compared(chosen: Chosen) -> list[str]:
    """What a reader of the columns across models must know: which models they are of."""
    models = list(dict.fromkeys(curve.model for curve in chosen.curves))
    if len(models) < 2:
        return []
    if chosen.groups is None:
        return [
            f"{len(models)} models, each with rows of its own: {', '.join(models)}; SNR, ordering consistency and "
            "decision accuracy compare all of them, and groups (--group) compare those of one size"
        ]
    grouped = {model for group in chosen.groups.values() for model in group}
    alone = [model for model in models if model not in grouped]
    return [f"in no group, and compared with no other: {', '.join(alone)}"] if alone else []
