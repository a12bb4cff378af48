"""Read results that exist already, and say which benchmarks give a signal early in training."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from e2lm.cli.arguments import positive
from e2lm.spreadsheet import csv_text
from e2lm.terminal.table import Column, fitted_table
from e2lm_ingestion.errors import OrganizerError, naming

if TYPE_CHECKING:
    import pandas as pd


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `e2lm signal`."""
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="output of lm_eval (results_*.json in any nesting, with samples_*.jsonl or without), lighteval or olmes; "
        "folders of e2lm run; CSV or parquet files, W&B's exports included",
    )
    parser.add_argument(
        "--step", metavar="PATTERN", help=r"where the step is, a regular expression with one group: 'revision=v(\d+)'"
    )
    parser.add_argument("--tokens-per-step", type=positive, metavar="N", help="training tokens of one step")
    parser.add_argument("--early", type=positive, metavar="TOKENS", help="where early training ends: 200e9")
    parser.add_argument("--late", type=positive, metavar="TOKENS", help="where late training ends: 1e12")
    parser.add_argument("--suite", help="measure on the grid of a suite, such as e2lm-2025, as the competition does")
    parser.add_argument(
        "--group",
        action="append",
        default=[],
        metavar='"NAME: MODEL, MODEL"',
        help="models to compare with each other; may be given several times (default: all models)",
    )
    parser.add_argument(
        "--chance",
        action="append",
        default=[],
        metavar="[BENCHMARK=]SCORE",
        help="the score of guessing, of one benchmark or of all whose source does not say",
    )
    parser.add_argument("-o", "--out", type=Path, metavar="HTML", help="write a page of all curves")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table as a JSON list, best first")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the table as CSV, best first")
    parser.epilog = (
        "examples: e2lm signal lm_eval_output -o signal.html\n"
        '          e2lm signal a.csv b.csv --early 200e9 --late 1e12 --group "1B: model-a, model-b"\n'
        "          e2lm signal lm_eval_output --suite e2lm-2025 --json signal.json"
    )


def main(args: argparse.Namespace) -> int:
    """Print the table of benchmarks and the notes; write the files that were asked for."""
    groups, chance = _groups(args.group), _chance(args.chance)
    for path in (args.json, args.csv, args.out):
        if path is not None and (not path.name or path.is_dir()):
            raise OrganizerError(f"{path}: a folder; give the file a name, such as {path / 'signal.html'}")
    from e2lm.signal.curves import NOTES, load_curves  # pandas: half a second, which a mistake above need not wait for
    from e2lm.signal.rankings import rankings
    from e2lm.signal.table import choose, table_of

    curves = load_curves(*args.sources, step=args.step, tokens_per_step=args.tokens_per_step)
    chosen = choose(curves, early=args.early, late=args.late, groups=groups, suite=args.suite, chance=chance)
    table = table_of(chosen)
    orders = rankings(chosen.curves, chosen.groups) if chosen.groups else None
    contents: dict[Path, str] = {}
    if args.json is not None:
        contents[args.json] = json.dumps(_records(table), indent=1, ensure_ascii=False) + "\n"
    if args.csv is not None:
        contents[args.csv] = csv_text(_records(table), list(table.columns))
    if args.out is not None:
        from e2lm.signal.page import render_signal

        contents[args.out] = render_signal(table, chosen.curves, orders)
    for path, content in contents.items():
        _write(path, content)
    _print(table, orders)
    for note in table.attrs[NOTES]:
        print(f"note: {note}", file=sys.stderr)
    for path in contents:
        print(f"wrote {path}")
    return 0


def _groups(texts: list[str]) -> dict[str, tuple[str, ...]] | None:
    found: dict[str, tuple[str, ...]] = {}
    for text in texts:
        name, colon, members = text.rpartition(":")
        models = tuple(member.strip() for member in members.split(",") if member.strip())
        if not colon or not name.strip() or len(models) < 2:
            raise OrganizerError(f'--group {text!r}: give a name and two or more models, as in "1B: model-a, model-b"')
        if name.strip() in found:
            raise OrganizerError(f"--group {text!r}: there is another group {name.strip()!r}; give each its own name")
        found[name.strip()] = models
    return found or None


def _chance(texts: list[str]) -> float | dict[str, float] | None:
    found: dict[str, float] = {}
    for text in texts:
        benchmark, _, number = text.rpartition("=")
        try:
            found[benchmark] = float(number)
        except ValueError:
            found[benchmark] = math.nan
        if not math.isfinite(found[benchmark]):
            raise OrganizerError(f"--chance {text!r}: give a number, as in 0.25 or arc_easy=0.25")
    if "" in found:
        if len(found) > 1:
            raise OrganizerError("--chance: give one number for all benchmarks, or BENCHMARK=SCORE for each")
        return found[""]
    return found or None


def _records(table: pd.DataFrame) -> list[dict[str, object]]:
    from e2lm.signal.table import records

    return [{key: _plain(key, value) for key, value in row.items()} for row in records(table)]


_WHOLE = ("checkpoints", "items", "leaves_chance_step")


def _plain(key: str, value: object) -> object:
    """A value of the table as JSON has it: whole numbers whole, what is missing null."""
    if isinstance(value, bool | str) or value is None:
        return value
    number = float(value)  # type: ignore[arg-type]  # the table holds numbers and texts
    if not math.isfinite(number):
        return None
    return int(number) if isinstance(value, int) or key in _WHOLE else number


def _write(path: Path, content: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.partial")
    try:
        with naming(path):
            temporary.write_text(content, encoding="utf-8", errors="replace", newline="")
        os.replace(temporary, path)
    except OSError as error:  # of the file that was asked for, not of the temporary one
        error.filename, error.filename2 = str(path), None
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _print(table: pd.DataFrame, orders: pd.DataFrame | None) -> None:
    console = Console()
    shown = [key for key in _TITLES if key in table and table[key].notna().any()]
    columns = [Column("model", left=True), Column("benchmark", is_name=True), Column("metric", left=True)]
    columns += [Column(_TITLES[key]) for key in shown]
    rows = [
        [*(str(row[key]) for key in ("model", "benchmark", "metric")), *(_cell(key, row) for key in shown)]
        for row in _records(table)
    ]
    console.print(fitted_table("Benchmarks, best signal first", columns, rows, console.width))
    without = table[table["sq"].isna()]
    for row in _records(without):
        print(f"{row['benchmark']} {row['metric']}, {row['model']}: no signal quality: {row['note']}")
    if orders is not None and len(orders):
        titles = [Column("benchmark", is_name=True), Column("group", is_name=True), Column("early order", is_name=True)]
        titles += [Column("late order", is_name=True), Column("tau"), Column("decision accuracy")]
        lines = [
            [*(str(row[key]) for key in ("benchmark", "group", "early_order", "late_order"))]
            + [f"{row[key]:.3f}" for key in ("tau", "decision_accuracy")]
            for row in _records(orders)
        ]
        console.print(fitted_table("Order of the models, early and late", titles, lines, console.width))


_TITLES = {
    "checkpoints": "n",
    "suite_sq": "suite SQ",
    "sq": "SQ",
    "monotonicity": "mono",
    "autocorrelation": "ac",
    "improvement_z": "z",
    "contrast_z": "contrast z",
    "non_randomness": "non-random",
    "snr": "SNR",
    "ordering_consistency": "ordering",
    "decision_accuracy": "decision",
    "leaves_chance_tokens": "leaves chance, GT",
    "leaves_chance_step": "leaves chance, step",
}


def _cell(key: str, row: Mapping[str, object]) -> str:
    value = row[key]
    number = math.nan if value is None else float(value)  # type: ignore[arg-type]
    if not math.isfinite(number):
        return "–"
    if key in ("checkpoints", "leaves_chance_step"):
        return f"{number:,.0f}"
    if key == "leaves_chance_tokens":
        return f"{number / 1e9:,.4g}"
    if key in ("improvement_z", "contrast_z", "snr", "non_randomness"):
        approximate = key == "improvement_z" and row["z_from"] == "standard errors"
        return f"{'≈' if approximate else ''}{number:.1f}"
    text = f"{number:.4f}" if key in ("sq", "suite_sq") else f"{number:.3f}"
    if key == "sq" and _cell("sq_low", row) != "–":
        text += f"\n{row['sq_low']:.2f} to {row['sq_high']:.2f}"
    return text
