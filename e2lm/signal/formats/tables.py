"""CSV and parquet files and data frames: a row a score, or a column a benchmark, W&B's exports included.

Long form: model, step or tokens, benchmark, metric, score, and perhaps stderr, items, chance, shots,
higher_is_better. Wide form: step or tokens, perhaps model, and a column for each benchmark; "NAME/METRIC" names a
metric, "NAME_stderr" holds standard errors. W&B exports a chart as "Step" and, for every run, "RUN - METRIC" with
"__MIN" and "__MAX" beside it.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from e2lm.signal.names import MAX_STEP, tokens_from_text
from e2lm.signal.points import Point, is_better_higher
from e2lm_ingestion.errors import OrganizerError

if TYPE_CHECKING:
    import pandas as pd

_NAMES = {
    "model": ("model", "run", "run_name", "model_name"),
    "step": ("step", "steps", "_step", "iteration", "iter", "global_step", "training_step", "train_step"),
    "tokens": ("tokens", "token", "training_tokens", "train_tokens", "tokens_seen", "consumed_tokens", "num_tokens"),
    "benchmark": ("benchmark", "task", "task_name", "dataset", "eval"),
    "metric": ("metric", "metric_name"),
    "score": ("score", "value"),
    "stderr": ("stderr", "se", "std_err", "standard_error", "score_stderr"),
    "items": ("items", "n", "n_items", "num_items", "n_samples", "num_instances"),
    "higher_is_better": ("higher_is_better",),
    "chance": ("chance", "random_baseline"),
    "shots": ("shots", "n_shot", "num_fewshot", "num_shots"),
}
_MISSING = ("", "-")
_POINT = "write numbers with a decimal point and nothing between thousands, such as 0.25 or 12000"
_NOT_NUMBERS = ("nan", "inf", "-inf", "infinity", "-infinity", "null", "none", "n/a")
_STDERR = re.compile(r"[-_ ]?(?:stderr|std_err|se)$", re.IGNORECASE)
_WANDB = " - "


@dataclass(frozen=True, slots=True)
class _Table:
    """Cells as text, and where each row is in the file."""

    name: str
    columns: Mapping[str, Sequence[str]]
    lines: Sequence[int]  # the number of each row's line

    def rows(self) -> Iterator[tuple[str, dict[str, str]]]:
        for number, cells in zip(self.lines, zip(*self.columns.values(), strict=True), strict=True):
            yield f"{self.name}: line {number}", dict(zip(self.columns, cells, strict=True))


def read_table(path: Path) -> tuple[list[Point], list[str]]:
    """The points of a CSV or parquet file, and notes. Raises OrganizerError naming file, line and column."""
    if path.suffix.lower() == ".parquet":
        import pandas as pd

        try:
            frame = pd.read_parquet(path)
        except (ValueError, OSError) as error:
            raise OrganizerError(f"{path}: not a parquet file: {' '.join(str(error).split())[:120]}") from None
        return read_frame(frame, str(path), time=path.stat().st_mtime)
    return _points(_read_csv(path), path.stem, path.stat().st_mtime)


def _read_csv(path: Path) -> _Table:
    lines, rows = list[int](), list[list[str]]()
    try:
        _check_separator(path)
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, skipinitialspace=True, strict=True)
            header = [name.strip() for name in next(reader, [])]
            for cells in reader:
                if not cells:
                    continue
                if len(cells) != len(header):
                    raise OrganizerError(
                        f"{path}: line {reader.line_num}: {len(cells)} cells, but {len(header)} columns are named; "
                        "add or remove commas"
                    )
                lines.append(reader.line_num)
                rows.append(cells)
    except UnicodeDecodeError:
        raise OrganizerError(f"{path}: not UTF-8 text; save it as CSV in UTF-8") from None
    except csv.Error as error:
        raise OrganizerError(f"{path}: line {reader.line_num}: not CSV: {error}") from None
    if twice := [name for name in header if name and header.count(name) > 1]:
        raise OrganizerError(f"{path}, line 1: two columns are named {twice[0]!r}; rename or remove one")
    if not rows:
        raise OrganizerError(f"{path}: empty; it needs a line of column names and a line for each checkpoint")
    named = {name or f"Unnamed: {at}": at for at, name in enumerate(header)}
    return _Table(str(path), {name: [cells[at] for cells in rows] for name, at in named.items()}, lines)


def read_frame(frame: pd.DataFrame, name: str, *, time: float = 0.0) -> tuple[list[Point], list[str]]:
    """The points of a data frame, which is read like a CSV file; rows are numbered from 1."""
    columns = {
        str(name): ["" if missing else _text(value) for value, missing in zip(column, column.isna(), strict=True)]
        for name, column in frame.items()
    }
    return _points(_Table(name, columns, range(1, len(frame) + 1)), Path(name).stem, time)


def _text(value: object) -> str:
    return repr(float(value)) if isinstance(value, float) else str(value)


def _check_separator(path: Path) -> None:
    """Refuse semicolons and tabs: what follows would be one column, or numbers with a decimal comma."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        header = file.readline()
    for character, name in ((";", "semicolons"), ("\t", "tabs")):
        if header.count(character) > header.count(","):
            raise OrganizerError(
                f"{path}: columns are separated by {name}; save it with commas between columns and a point in numbers"
            )


def _points(table: _Table, stem: str, time: float) -> tuple[list[Point], list[str]]:
    named = _known(table.columns)
    if not table.columns or ("step" not in named and "tokens" not in named):
        raise OrganizerError(
            f"{table.name}: no column is named step or tokens (there are: {', '.join(table.columns) or 'none'}); name "
            "the one that says how far training is"
        )
    if "benchmark" in named and "score" in named:
        return _long(table, named, stem, time), []
    return _wide(table, named, stem, time)


def _known(columns: Mapping[str, object]) -> dict[str, str]:
    """What a column is -> its name in the table."""
    found: dict[str, str] = {}
    for kind, names in _NAMES.items():
        for column in columns:
            plain = column.strip().lower().replace(" ", "_")
            if kind in ("step", "tokens"):  # W&B prefixes what a run logs: train/tokens
                plain = plain.rsplit("/", 1)[-1]
            if plain in names and kind not in found:
                found[kind] = column
    return found


def _long(table: _Table, named: Mapping[str, str], stem: str, time: float) -> list[Point]:
    points = []
    for location, cells in table.rows():
        row = {kind: cells[column].strip() for kind, column in named.items()}
        metric = row.get("metric") or "score"
        score = _number(row["score"], f"{location}: {named['score']}")
        step, tokens = _progress(row, location)
        if score is None or (step is None and tokens is None):
            missing = named["score"] if score is None else named.get("step", named.get("tokens", "step"))
            raise OrganizerError(f"{location}: {missing} is empty; fill it, or delete the line")
        if not row["benchmark"]:
            raise OrganizerError(f"{location}: {named['benchmark']} is empty; fill it, or delete the line")
        stderr, items, chance = (
            _number(row.get(key, ""), f"{location}: {key}") for key in ("stderr", "items", "chance")
        )
        if (items is not None and items < 1) or (stderr is not None and stderr < 0):
            what = f"items are {items:g}" if items is not None and items < 1 else f"stderr is {stderr:g}"
            raise OrganizerError(f"{location}: {what}, below the least that there is; correct it, or leave it empty")
        higher = row.get("higher_is_better", "").lower()
        points.append(
            Point(
                model=row.get("model") or stem,
                benchmark=row["benchmark"],
                metric=metric,
                step=step,
                tokens=tokens,
                score=score,
                stderr=stderr,
                items=None if items is None else int(items),
                higher_is_better=higher in ("true", "1", "1.0", "yes") if higher else is_better_higher(metric),
                chance=chance,
                shots=row.get("shots", "").removesuffix(".0"),
                time=time,
                source=table.name,
            )
        )
    return points


def _wide(table: _Table, named: Mapping[str, str], stem: str, time: float) -> tuple[list[Point], list[str]]:
    used = {named[kind] for kind in ("step", "tokens", "model") if kind in named}
    wandb = any(f"{column}__MIN" in table.columns for column in table.columns)
    benchmarks, errors = [], dict[str, str]()
    for column in table.columns:
        if column in used or column.startswith(("_", "Unnamed:")) or not column.strip():
            continue
        if column.endswith(("__MIN", "__MAX")) or column.rsplit(_WANDB, 1)[-1] in ("_step", "Step"):
            continue
        base = _STDERR.sub("", column)
        if base != column and base in table.columns:
            errors[base] = column
        else:
            benchmarks.append(column)
    texts = [column for column in benchmarks if not any(map(_is_number, table.columns[column]))]
    numeric = [column for column in benchmarks if column not in texts]
    comma = next((cell for column in texts for cell in table.columns[column] if _has_decimal_comma(cell)), None)
    if comma is not None:
        raise OrganizerError(f"{table.name}: {comma!r} has a comma; {_POINT}")
    if not numeric:
        cell = next((cell for column in texts for cell in table.columns[column] if cell.strip()), "")
        such = f", with cells such as {cell[:20]!r}" if cell else ""
        raise OrganizerError(
            f"{table.name}: no column holds scores (there are: {', '.join(table.columns)}{such}); give long form "
            "(model, step, benchmark, metric, score) or a column of numbers, such as 0.25, for each benchmark"
        )
    points = []
    for location, cells in table.rows():
        step, tokens = _progress(
            {kind: cells[named[kind]].strip() for kind in ("step", "tokens") if kind in named}, location
        )
        for column in numeric:
            score = _number(cells[column].strip(), f"{location}: {column}")
            if score is None:
                continue
            if step is None and tokens is None:
                raise OrganizerError(f"{location}: the step is empty; fill it, or delete the line")
            model, benchmark, metric = _names(column, wandb)
            error = errors.get(column)
            points.append(
                Point(
                    model=model or (cells[named["model"]].strip() if "model" in named else "") or stem,
                    benchmark=benchmark,
                    metric=metric,
                    step=step,
                    tokens=tokens,
                    score=score,
                    stderr=None if error is None else _number(cells[error].strip(), f"{location}: {error}"),
                    higher_is_better=is_better_higher(f"{benchmark} {metric}"),
                    time=time,
                    source=table.name,
                )
            )
    notes = [f"{table.name}: columns without numbers are left out: {', '.join(texts)}"] if texts else []
    return points, notes


def _names(column: str, wandb: bool) -> tuple[str, str, str]:
    """Model ("" where the column names none), benchmark and metric of a column."""
    model, dash, rest = column.partition(_WANDB) if wandb else ("", "", column)
    if not dash:
        model, rest = "", column
    benchmark, slash, metric = rest.strip().rpartition("/")
    return (model.strip(), benchmark, metric) if slash and benchmark else (model.strip(), rest.strip(), "score")


def _progress(row: Mapping[str, str], location: str) -> tuple[int | None, float | None]:
    step_text, tokens_text = row.get("step", ""), row.get("tokens", "")
    tokens = tokens_from_text(f"tokens{tokens_text}") if re.fullmatch(r"[\d.]+[kKmMbBgGtT]", tokens_text) else None
    if tokens is None:
        tokens = _number(tokens_text, f"{location}: tokens")
    step = _number(re.sub(r"^[A-Za-z]+[-_]?(?=\d)", "", step_text), f"{location}: step")
    if (step is not None and not (0 <= step <= MAX_STEP and step == int(step))) or (tokens is not None and tokens < 0):
        raise OrganizerError(f"{location}: {step_text or tokens_text!r} is not a step; steps are whole numbers from 0")
    return None if step is None else int(step), tokens


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def _has_decimal_comma(cell: str) -> bool:
    return re.fullmatch(r"\s*-?\d+,\d+\s*", cell) is not None


def _number(cell: str, location: str) -> float | None:
    """The number in a cell; None for an empty one. Raises OrganizerError for anything else."""
    if cell in _MISSING:
        return None
    if cell.lower() in _NOT_NUMBERS:
        raise OrganizerError(f"{location} is {cell}, not a finite number; fill it, or leave the cell empty")
    if _has_decimal_comma(cell):
        raise OrganizerError(f"{location}: {cell!r} has a comma; {_POINT}")
    try:
        value = float(cell)
    except ValueError:
        raise OrganizerError(f"{location}: {cell[:60]!r} is not a number") from None
    if not math.isfinite(value):
        raise OrganizerError(f"{location} is {cell}, not a finite number; fill it, or leave the cell empty")
    return value
