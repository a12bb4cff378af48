"""Sources -> one data frame of scores, a row for each model, benchmark, metric and checkpoint.

What would be averaged over by mistake is told apart here, or refused: few-shot counts, limits, reruns, tasks that
share a name.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from operator import attrgetter

import numpy as np
import pandas as pd

from e2lm.signal.names import short_names, step_pattern
from e2lm.signal.points import Point
from e2lm.signal.sources import Source, read_sources
from e2lm_ingestion.errors import OrganizerError

CURVE = ["model", "benchmark", "metric"]
COLUMNS = [field.name for field in fields(Point)]
NOTES = "notes"  # the key of the notes in a frame's attrs
_SHOWN = 6  # steps that a note lists
_MOSTLY = 0.7  # share of an even grid of steps from which on its other steps are reported as missing

Key = tuple[str, str, str, int | None, float | None]


def load_curves(*sources: Source, step: str | None = None, tokens_per_step: float | None = None) -> pd.DataFrame:
    """The scores of all sources: files, folders, and data frames in long or wide form.

    A row is one score; the columns are those of `points.Point`: model, benchmark, metric, step, tokens, score, stderr,
    items, ... `item_scores` and `contrast` are arrays where a source has the scores of items, else None. `step` is a
    regular expression with one group that finds the step in `model_args` or in a path; `tokens_per_step` turns steps
    into tokens. What was left out or told apart is in `attrs["notes"]`. Raises OrganizerError, in one line, for
    sources that cannot be read or are ambiguous.

    >>> frame = pd.DataFrame({"step": range(1000, 9000, 1000), "arc": [0.25, 0.26, 0.25, 0.3, 0.31, 0.33, 0.4, 0.41]})
    >>> load_curves(frame, tokens_per_step=2e6)[["benchmark", "step", "tokens", "score"]].iloc[0].tolist()
    ['arc', 1000, 2000000000.0, 0.25]
    """
    if not sources:
        raise OrganizerError("no source: give folders or files of results")
    if step is not None:
        step_pattern(step)
    points, notes = read_sources(sources, step=step)
    if not points:
        raise OrganizerError(f"{', '.join(map(str, sources))}: no scores in what was found; the results are empty")
    names = short_names([point.model for point in points])
    points = [
        point if names[point.model] == point.model else replace(point, model=names[point.model]) for point in points
    ]
    points, remarks = _variants(points)
    notes += remarks
    _refuse_mixed_tasks(points)
    points, remarks = _newest(points)
    notes += remarks
    if tokens_per_step is not None:
        points = [
            replace(point, tokens=point.step * tokens_per_step)
            if point.tokens is None and point.step is not None
            else point
            for point in points
        ]
    points.sort(key=lambda point: (point.model, point.benchmark, point.metric, point.tokens or 0, point.step or 0))
    frame = frame_of(points)
    frame.attrs[NOTES] = [*notes, *_gaps(points)]
    return frame


def frame_of(points: Sequence[Point]) -> pd.DataFrame:
    """A row for each point, a column for each of its fields."""
    columns = zip(*map(attrgetter(*COLUMNS), points), strict=True)
    frame = pd.DataFrame({name: pd.Series(own, dtype=object) for name, own in zip(COLUMNS, columns, strict=True)})
    for name in ("step", "items"):
        frame[name] = frame[name].astype("Int64")
    for name in ("tokens", "score", "stderr", "chance", "time"):
        frame[name] = frame[name].astype(float)
    frame["higher_is_better"] = frame["higher_is_better"].astype(bool)
    return frame


def _variants(points: Sequence[Point]) -> tuple[list[Point], list[str]]:
    """Benchmarks that were run with several few-shot counts or limits, told apart by their names."""
    shots, limits = defaultdict(set), defaultdict(set)
    for point in points:
        shots[point.benchmark].add(point.shots)
        limits[point.benchmark].add(point.limit)
    found, named = [], dict[str, set[str]]()
    for point in points:
        marks = []
        if len(shots[point.benchmark]) > 1:
            marks.append(f"{point.shots}-shot" if point.shots else "shots not given")
        if len(limits[point.benchmark]) > 1:
            marks.append(f"limit {point.limit}" if point.limit else "no limit")
        if marks:
            variant = f"{point.benchmark} ({', '.join(marks)})"
            named.setdefault(point.benchmark, set()).add(variant)
            point = replace(point, benchmark=variant)
        found.append(point)
    what = "was run with several few-shot counts or limits, each is a benchmark of its own"
    return found, [f"{benchmark} {what}: {', '.join(sorted(variants))}" for benchmark, variants in named.items()]


def _refuse_mixed_tasks(points: Sequence[Point]) -> None:
    seen: dict[tuple[str, str], Point] = {}
    for point in points:
        for kind, value in (("task", point.task), ("documents", point.documents)):
            if not value:
                continue
            other = seen.setdefault((kind, point.benchmark), point)
            if getattr(other, kind) != value:
                one, two = _differing(getattr(other, kind), value)
                raise OrganizerError(
                    f"{point.benchmark}: two tasks under one name, {one} in {other.source} and {two} in "
                    f"{point.source}; read them one at a time, or move one of them away"
                )


def _differing(one: str, other: str) -> tuple[str, str]:
    """The parts of two descriptions in which they differ."""
    a, b = one.split(", "), other.split(", ")
    return ", ".join(x for x in a if x not in b) or one, ", ".join(x for x in b if x not in a) or other


def _newest(points: Sequence[Point]) -> tuple[list[Point], list[str]]:
    """The newest of several runs of one checkpoint. Raises OrganizerError for different ones at the same step."""
    kept: dict[Key, Point] = {}
    again: dict[tuple[str, str], dict[int | float | None, None]] = defaultdict(dict)
    for point in points:
        # a step decides by itself: the same step is named with and without its tokens
        key = (point.model, point.benchmark, point.metric, point.step, point.tokens if point.step is None else None)
        other = kept.get(key)
        if other is None:
            kept[key] = point
            continue
        if point.checkpoint != other.checkpoint:
            raise OrganizerError(
                f"{point.model}: {other.checkpoint!r} ({other.source}) and {point.checkpoint!r} ({point.source}) are "
                f"both step {point.step}; give --step to tell them apart, or read one of them at a time"
            )
        if (point.source, point.time) == (other.source, other.time) and point.score != other.score:
            at = f"step {point.step:,}" if point.step is not None else f"{point.tokens:g} tokens"
            raise OrganizerError(
                f"{point.source}: {point.benchmark} {point.metric} of {point.model} has two scores at {at}, "
                f"{other.score:g} and {point.score:g}; keep one, or tell them apart by model, benchmark or metric"
            )
        again[(point.model, point.benchmark)][point.step if point.step is not None else point.tokens] = None
        if point.time >= other.time:
            kept[key] = point
    alike: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (model, benchmark), steps in again.items():
        alike[(model, _listed(steps))].append(benchmark)
    return list(kept.values()), [
        f"{model}: measured more than once at {steps}; the newest counts ({_few(benchmarks)})"
        for (model, steps), benchmarks in alike.items()
    ]


def _gaps(points: Sequence[Point]) -> list[str]:
    """Checkpoints that a curve lacks: those within an even grid, and those that the model's other curves have."""
    steps: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for point in points:
        if point.step is not None:
            steps[point.model][point.benchmark].add(point.step)
    notes = []
    for model, curves in steps.items():
        every = sorted(set().union(*curves.values()))
        expected = set(every) | set(_grid(every))
        alike: dict[str, list[str]] = defaultdict(list)
        for benchmark, own in curves.items():
            missing = sorted(step for step in expected - own if min(own) < step < max(own))
            if missing:
                alike[_listed(missing)].append(benchmark)
        notes += [f"{model}: missing at {text} ({_few(benchmarks)})" for text, benchmarks in alike.items()]
    return notes


def _grid(steps: Sequence[int]) -> Iterable[int]:
    """The whole grid, where half of the distances between steps are the same and most of it is there.

    >>> [step for step in _grid([1, 2, 1000, 2000, 3000, 5000, 6000, 7000, 8000]) if 3000 <= step <= 5000]
    [3000, 4000, 5000]
    """
    distances = np.diff(steps)
    if len(distances) < 3:
        return ()
    common, count = Counter(distances.tolist()).most_common(1)[0]
    whole = (steps[-1] - steps[0]) / common + 1 if common > 0 else 0
    if count < len(distances) / 2 or len(steps) < _MOSTLY * whole:
        return ()
    found = set[int]()
    for before, distance in zip(steps, distances.tolist(), strict=False):
        if distance > common and distance % common == 0:
            found.update(range(before, before + distance + 1, common))
        else:
            found.update((before, before + distance))
    return sorted(found)


def _listed(steps: Iterable[int | float | None]) -> str:
    known = sorted(step for step in steps if step is not None)
    shown = ", ".join(f"{step:,.0f}" for step in known[:_SHOWN])
    more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    return f"step{'s' if len(known) != 1 else ''} {shown}{more}"


def _few(names: Sequence[str]) -> str:
    """
    >>> _few(["a", "b", "c", "d"])
    'a, b and 2 more'
    """
    return ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")
