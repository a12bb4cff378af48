"""Item data for the page: counts per kind, one row per subset, and compact data for the table of items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from e2lm_scoring.own_machine import ShownItems
from e2lm_scoring.report.scales import score_text
from e2lm_scoring.score_report import ItemTable, SubsetRow

FIRST = 20  # rows in the page itself, for readers without scripts
KINDS = {
    "rising": "better the longer models train: the signal",
    "unclear": "moves up and down without direction: noise",
    "falling": "worse the longer models train: hurts, and may have a wrong key",
    "floor": "at the lowest score at every checkpoint: too hard, or broken",
    "ceiling": "at the highest score at every checkpoint: too easy",
    "constant": "never moves",
}


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    count: int
    share: float
    meaning: str


@dataclass(frozen=True, slots=True)
class Subset:
    name: str
    items: int
    weight: float  # share of the score
    mean: str
    rise: str
    sq: float  # signal quality of the subset's own curves
    influence: str
    contrast_z: str  # "–" where there is none, or too few items
    rising: int
    falling: int


@dataclass(frozen=True, slots=True)
class ItemRow:
    number: int  # from 0, in the order of the test file
    subset: str
    kind: str
    mean: str
    rise: str
    trend: str
    influence: str


@dataclass(frozen=True, slots=True)
class ItemView:
    count: int
    kinds: list[Kind]
    subsets: list[Subset]
    rows: list[ItemRow]
    data: dict[str, object]


def item_view(table: ItemTable, subsets: Sequence[SubsetRow] = ()) -> ItemView:
    """Item data for the page; `rows` are the items with the lowest trend."""
    names = list(dict.fromkeys(table.subset.tolist()))
    kinds = [name for name in KINDS if (table.kind == name).any()]
    return ItemView(
        count=len(table.mean),
        kinds=[_kind(table, name) for name in kinds],
        subsets=[_subset(table, row) for row in subsets],
        rows=[_row(table, int(index)) for index in np.argsort(table.trend, kind="stable")[:FIRST]],
        data={
            "subsets": names,
            "kinds": kinds,
            "subset": [names.index(name) for name in table.subset.tolist()],
            "kind": [kinds.index(name) for name in table.kind.tolist()],
            **{name: _short(getattr(table, name)) for name in ("mean", "rise", "trend", "influence")},
        },
    )


def shown_items_data(shown: ShownItems) -> dict[str, object]:
    """Texts and answers of the items, for the page's script; equal texts that models wrote are listed once."""
    texts = list(dict.fromkeys(text for item in shown.items for one in item.written for text in one))
    number = {text: index for index, text in enumerate(texts)}
    return {
        "models": list(shown.models),
        "tokens": [float(f"{amount:.4g}") for amount in shown.tokens],
        "written": texts,
        "items": [
            {
                "number": item.number,
                "text": item.text,
                "choices": list(item.choices),
                "right": list(item.right),
                "preferred": [list(one) for one in item.preferred],
                "wrote": [[number[text] for text in one] for one in item.written],
                "scores": list(item.scores),
            }
            for item in shown.items
        ],
    }


def _short(values: np.ndarray) -> list[float]:
    """Three significant digits: 15,000 items have to fit into the page."""
    return [float(f"{value:.3g}") for value in values.tolist()]


def _kind(table: ItemTable, name: str) -> Kind:
    count = int(np.sum(table.kind == name))
    return Kind(name, count, count / len(table.kind), KINDS[name])


def _subset(table: ItemTable, row: SubsetRow) -> Subset:
    kinds = table.kind[table.subset == row.name]
    return Subset(
        name=row.name,
        items=row.items,
        weight=row.weight,
        mean=score_text(row.mean),
        rise=score_text(row.rise),
        sq=row.sq,
        influence=f"{row.influence:+.4f}".replace("-", "−"),
        contrast_z="–" if row.contrast_z is None else score_text(row.contrast_z),
        rising=int(np.sum(kinds == "rising")),
        falling=int(np.sum(kinds == "falling")),
    )


def _row(table: ItemTable, index: int) -> ItemRow:
    numbers = {name: f"{float(getattr(table, name)[index]):.3g}" for name in ("mean", "rise", "trend", "influence")}
    return ItemRow(index, str(table.subset[index]), str(table.kind[index]), **numbers)
