"""The rows of the report's table of all scores."""

from __future__ import annotations

from dataclasses import dataclass

from e2lm_scoring.columns import COLUMNS
from e2lm_scoring.report.scales import score_text


@dataclass(frozen=True, slots=True)
class ScoreRow:
    key: str
    name: str
    value: str
    meaning: str


def score_rows(scores: dict[str, float], weights: dict[str, float]) -> list[ScoreRow]:
    """One row a column, in the order of scores.json."""
    parts = [(weights[column.weight], column.symbol) for column in COLUMNS if column.weight]
    formula = " + ".join(f"{weight:g} {symbol}" for weight, symbol in parts if weight)
    rows = []
    for column in (column for column in COLUMNS if column.key in scores):
        meaning = f"{formula}; submissions are ranked by it." if column.key == "score" else column.meaning
        name = f"{column.title}, {column.symbol}" if column.symbol else column.title
        rows.append(ScoreRow(column.key, name, _value_text(scores[column.key], column.precision), meaning))
    return rows


def _value_text(value: float, precision: int) -> str:
    return score_text(value) if precision >= 4 else f"{value:,.{precision}f}".replace("-", "−")
