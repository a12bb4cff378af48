"""Find items that submissions share with each other or with public benchmarks."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from rich.console import Console

from e2lm.spreadsheet import csv_text
from e2lm.submissions.ngram_overlap import Vocabulary
from e2lm.submissions.overlap import Overlap, compare, read_benchmarks, read_submissions
from e2lm.submissions.paths import submission_paths
from e2lm.terminal.table import Column, fitted_table
from e2lm_ingestion.errors import OrganizerError, naming
from e2lm_scoring.one_line import one_line

SHOWN_CHARACTERS = 200
SHOWN_ROWS = 30
COLUMNS = ("submission", "item", "other", "kind", "other_item", "share", "text", "other_text")
MAX_ROWS = 1_000_000  # rows of the CSV file, the most that a spreadsheet holds


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `e2lm overlap`."""
    parser.add_argument(
        "submissions", type=Path, nargs="+", help="zips or folders of submissions, or a folder that holds many"
    )
    parser.add_argument(
        "--benchmarks",
        type=Path,
        metavar="FOLDER",
        help="public benchmarks on this disk: .jsonl .json .csv .parquet .txt",
    )
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        default=Path("overlap.csv"),
        metavar="CSV",
        help="the shared items (default: overlap.csv)",
    )
    parser.add_argument("--json", action="store_true", help="print the pairs as JSON alone")
    parser.epilog = "example: e2lm overlap submissions --benchmarks benchmarks"


def main(args: argparse.Namespace) -> int:
    """Compare every submission with all others and with the benchmarks; print the pairs that share most."""
    vocabulary = Vocabulary()
    submissions, problems = read_submissions(submission_paths(args.submissions), vocabulary)
    benchmarks = read_benchmarks(args.benchmarks, vocabulary) if args.benchmarks else []
    if not submissions or len(submissions) + len(benchmarks) < 2:
        raise OrganizerError("; ".join([*problems[:3], "one submission alone: give a second one, or --benchmarks"]))
    found = compare(submissions, benchmarks)
    write(found, args.out)
    if args.json:
        print(json.dumps({"pairs": [_pair(one) for one in found], "not_compared": problems, "file": str(args.out)}))
        return 0
    show(found)
    for problem in problems:
        print(f"not compared: {one_line(problem)}")
    count = sum(len(one.items) for one in found)
    print(f"{count:,} shared items: {args.out}")
    if count > MAX_ROWS:
        print(
            f"the file holds the first {MAX_ROWS:,} of them, pairs that share most first; compare two submissions "
            "alone for all of theirs"
        )
    return 0


def write(found: Sequence[Overlap], path: Path) -> None:
    """One row per shared item, at most a million: both sources, the items, the share, and the start of both texts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with naming(path), path.open("w", encoding="utf-8", newline="") as file:
        file.write(csv_text((), COLUMNS))
        left = MAX_ROWS
        for one in found:  # pair by pair: all of them need not fit into memory
            if left > 0:
                file.write(csv_text(islice(_csv_rows(one), left), COLUMNS, header=False))
            left -= len(one.items)


def _csv_rows(one: Overlap) -> Iterator[dict[str, object]]:
    kind = "benchmark" if one.other.benchmark else "submission"
    for item, other, share in one.items.rows:
        texts = _shown(one.submission.texts[item]), _shown(one.other.texts[other])
        cells = (one_line(one.submission.name), item, one_line(one.other.name), kind, other, f"{share:.3f}", *texts)
        yield dict(zip(COLUMNS, cells, strict=True))


def _shown(text: str) -> str:
    return one_line(text)[:SHOWN_CHARACTERS]


def _pair(one: Overlap) -> dict[str, str | int]:
    return {
        "submission": one.submission.name,
        "items": len(one.submission.texts),
        "shared": len(one.items),
        "fully_shared": int((one.items.shares == 1).sum()),
        "with": one.other.name,
        "kind": "benchmark" if one.other.benchmark else "submission",
    }


def show(found: Sequence[Overlap]) -> None:
    """Print the pairs that share most."""
    numbers = [Column(title) for title in ("items", "shared", "fully shared")]
    columns = [Column("submission", is_name=True), *numbers, Column("with", is_name=True), Column("kind", left=True)]
    rows = []
    for one in found[:SHOWN_ROWS]:
        count = len(one.submission.texts)
        whole = int((one.items.shares == 1).sum())
        kind = "benchmark" if one.other.benchmark else "submission"
        share = f"{len(one.items):,} ({len(one.items) / count:.0%})"
        names = one_line(one.submission.name), one_line(one.other.name)
        rows.append([names[0], f"{count:,}", share, f"{whole:,}", names[1], kind])
    if found:
        console = Console()
        console.print(fitted_table("", columns, rows, console.width))
    if len(found) > SHOWN_ROWS:
        print(f"and {len(found) - SHOWN_ROWS} more pairs, in the file")
