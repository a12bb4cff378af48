"""Item analysis for the author of a task: which items rise with training, which are noise, which hurt the signal.

It uses early checkpoints of science models alone, which participants may see. Ours; described in
docs/uncertainty.md. pyarrow writes the arrays as they are, with their types, so no pandas is needed.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from e2lm_scoring.formulas.improvement_gate import ENDS, improvement_z
from e2lm_scoring.formulas.signal_quality import correlation, signal_qualities
from e2lm_scoring.formulas.strata import SMALLEST, strata_of
from e2lm_scoring.score_report import ItemTable, Pruning, SubsetRow

CLEAR = 2.0  # standard errors of the trend from which an item is called rising or falling
WORST = 0.1  # share of the items that pruning drops
BLOCK = 2000  # items at a time


def item_table(scores: np.ndarray, subset: Sequence[str] = (), weights: np.ndarray | None = None) -> ItemTable:
    """Contribution of each item to the signal; `scores` is (signal models, early checkpoints, items), higher is better.

    `scores` are already multiplied by the items' `weights` (items,), if given; means and rises are reported unweighted.

    trend is Pearson's r of the item's scores, each model's mean taken off, with the order of training; it is clear when
    r * sqrt((n - 2) / (1 - r^2)) reaches 2, n the number of models times checkpoints. Scores of neighboring checkpoints
    depend on each other, so this classifies items and is not a significance test. An item that never moves is at the
    floor or the ceiling when its score is the lowest or the highest of all.

    >>> rising, right = [0.0] * 4 + [1.0] * 4, [1.0] * 8
    >>> item_table(np.array([[rising, right]]).transpose(0, 2, 1)).kind.tolist()
    ['rising', 'ceiling']
    """
    weighted = np.asarray(scores, dtype=np.float64)
    values = weighted if weights is None else weighted / weights
    trend = item_trends(values)
    return ItemTable(
        subset=np.asarray(subset if len(subset) else [""] * values.shape[2]),
        mean=values.mean(axis=(0, 1)),
        rise=(values[:, -ENDS:].mean(axis=1) - values[:, :ENDS].mean(axis=1)).mean(axis=0),
        trend=trend,
        influence=influences(weighted),
        kind=_kinds(values, trend),
    )


def subset_rows(
    scores: np.ndarray,
    sizes: Mapping[str, int],
    weights: np.ndarray,
    *,
    contrasts: np.ndarray | None = None,
    clusters: np.ndarray | None = None,
) -> tuple[SubsetRow, ...]:
    """Contribution of each subset to the signal; `scores`, `weights` as in `item_table`, `sizes` in the items' order.

    `contrasts` has the shape of `scores`; `clusters` (items,) are the cluster of each.

    >>> rising, falling = [0.0] * 4 + [1.0] * 4, [1.0] * 4 + [0.0] * 4
    >>> scores = np.array([[rising, rising, falling]]).transpose(0, 2, 1)
    >>> [row.rise for row in subset_rows(scores, {"good": 2, "bad": 1}, np.ones(3))]
    [1.0, -1.0]
    """
    weighted = np.asarray(scores, dtype=np.float64)
    whole = float(np.mean(signal_qualities(weighted.mean(axis=2))))
    rows, start = [], 0
    for name, size in sizes.items():
        chosen = np.zeros(weighted.shape[2], dtype=bool)
        chosen[start : start + size] = True
        start += size
        curves = weighted[:, :, chosen].mean(axis=2) / weights[chosen].mean()
        others = weighted[:, :, ~chosen]
        without = float(np.mean(signal_qualities(others.mean(axis=2)))) if others.size else 0.0
        rows.append(
            SubsetRow(
                name=name,
                items=size,
                weight=float(weights[chosen].sum() / weights.sum()),
                mean=float(curves.mean()),
                rise=float((curves[:, -ENDS:].mean(axis=1) - curves[:, :ENDS].mean(axis=1)).mean()),
                sq=float(np.mean(signal_qualities(curves))),
                influence=whole - without,
                contrast_z=None if contrasts is None else _contrast_z(contrasts, chosen, clusters),
            )
        )
    return tuple(rows)


def _contrast_z(contrasts: np.ndarray, chosen: np.ndarray, clusters: np.ndarray | None) -> float | None:
    """The improvement z of the mean contrast over the signal models of some items; None for fewer than ten."""
    if chosen.sum() < SMALLEST:
        return None
    strata = strata_of(int(chosen.sum()), clusters=None if clusters is None else clusters[chosen])
    return improvement_z(contrasts[:, :, chosen].mean(axis=0, dtype=np.float64), strata)


def item_trends(scores: np.ndarray) -> np.ndarray:
    """Correlation of each item with the order of training, (models, checkpoints, items) -> (items,) in [-1, 1]."""
    models, checkpoints, items = scores.shape
    centered = scores - scores.mean(axis=1, keepdims=True)
    order = np.tile(np.arange(checkpoints, dtype=np.float64) - (checkpoints - 1) / 2, models)
    return correlation(order, np.ascontiguousarray(centered.reshape(models * checkpoints, items).T))


def influences(scores: np.ndarray) -> np.ndarray:
    """SQ of all items minus SQ without each one, exactly: (models, checkpoints, items) -> (items,); positive helps."""
    items = scores.shape[2]
    if items < 2:
        return np.zeros(items)
    total = scores.sum(axis=2)
    whole = float(np.mean(signal_qualities(total / items)))
    without = []
    for first in range(0, items, BLOCK):
        block = np.moveaxis(scores[:, :, first : first + BLOCK], 2, 0)
        without.append(signal_qualities((total - block) / (items - 1)).mean(axis=-1))
    influence: np.ndarray = whole - np.concatenate(without)
    return influence


def _kinds(scores: np.ndarray, trend: np.ndarray) -> np.ndarray:
    n = scores.shape[0] * scores.shape[1]
    clear = trend * np.sqrt((n - 2) / np.maximum(1 - trend**2, 1e-12))
    kind = np.where(clear >= CLEAR, "rising", np.where(clear <= -CLEAR, "falling", "unclear")).astype("U8")
    least, greatest = scores.min(axis=(0, 1)), scores.max(axis=(0, 1))
    still = least == greatest
    kind[still] = "constant"
    if scores.max() > scores.min():
        kind[still & (least == scores.min())] = "floor"
        kind[still & (least == scores.max())] = "ceiling"
    return kind


def prune(scores: dict[str, np.ndarray], signal_models: Sequence[str]) -> Pruning:
    """SQ before and after dropping the 10 % of items with the lowest trend, on the choosing and on held-out models.

    `scores` is model -> (early checkpoints, items) of the early science models. Items are chosen on the signal models,
    and all other models are held out; if there are none, every second signal model is held out. A gain on the choosing
    models alone is overfitting.
    """
    chosen_on = [model for model in scores if model in signal_models]
    held_out = [model for model in scores if model not in signal_models]
    if not held_out:
        chosen_on, held_out = chosen_on[::2], chosen_on[1::2]
    seen = np.stack([scores[model] for model in chosen_on]).astype(np.float64)
    count = int(WORST * seen.shape[2])
    kept = np.sort(np.argsort(item_trends(seen), kind="stable")[count:])

    def quality(models: Sequence[str], items: np.ndarray | slice) -> float:
        curves = [scores[model][:, items].mean(axis=1, dtype=np.float64) for model in models]
        return float(np.mean([signal_qualities(curve) for curve in curves])) if curves else 0.0

    return Pruning(
        dropped=count,
        chosen_on=tuple(chosen_on),
        chosen_before=quality(chosen_on, slice(None)),
        chosen_after=quality(chosen_on, kept),
        held_out=tuple(held_out),
        held_out_before=quality(held_out, slice(None)),
        held_out_after=quality(held_out, kept),
    )


def subsets_parquet(rows: Sequence[SubsetRow]) -> bytes:
    """The content of subsets.parquet: one row per subset, in the order of the items."""
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([asdict(row) for row in rows]), buffer, compression="zstd")
    return buffer.getvalue()


def items_parquet(table: ItemTable) -> bytes:
    """The content of items.parquet: one row per item, numbered from 0 in the order of the test file."""
    columns: dict[str, pa.Array] = {"item": pa.array(np.arange(len(table.mean), dtype=np.int32))}
    if any(table.subset):
        columns["subset"] = pa.array(table.subset.tolist()).dictionary_encode()
    for name in ("mean", "rise", "trend", "influence"):
        columns[name] = pa.array(np.asarray(getattr(table, name), dtype=np.float32))
    columns["kind"] = pa.array(table.kind.tolist()).dictionary_encode()
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, compression="zstd")
    return buffer.getvalue()
