"""Find items that submissions share with each other or with public benchmarks."""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console

from e2lm.folders import submission_paths
from e2lm.own_words import own_texts
from e2lm.progress import progress_bar
from e2lm.shared_items import SHORTEST, Runs, Shared, Vocabulary, in_common, shared
from e2lm.terminal_table import Column, fitted_table
from e2lm_ingestion.errors import OrganizerError, SubmissionError, naming
from e2lm_ingestion.submission import open_submission

BENCHMARK_FILES = frozenset({".jsonl", ".json", ".csv", ".parquet", ".txt"})
SHOWN_CHARACTERS = 200
SHOWN_ROWS = 30
MAX_ROWS = 1_000_000  # of the CSV: spreadsheets hold as many
_TOO_SHORT = f"their documents have fewer than {SHORTEST} words of their own, or what too many others have as well"


@dataclass(frozen=True, slots=True)
class Source:
    """A submission or a benchmark."""

    name: str
    benchmark: bool
    texts: Sequence[str]
    runs: Runs


@dataclass(frozen=True, slots=True)
class Overlap:
    """What one submission shares with another source."""

    submission: Source
    other: Source
    items: Shared


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
        "--out",
        type=Path,
        default=Path("overlap.csv"),
        metavar="CSV",
        help="the shared items (default: overlap.csv)",
    )
    parser.epilog = "example: e2lm overlap submissions --benchmarks benchmarks"


def main(args: argparse.Namespace) -> int:
    """Compare every submission with all others and with the benchmarks; print who shares how much."""
    vocabulary = Vocabulary()
    submissions, problems = read_submissions(submission_paths(args.submissions), vocabulary)
    benchmarks = read_benchmarks(args.benchmarks, vocabulary) if args.benchmarks else []
    if not submissions or len(submissions) + len(benchmarks) < 2:
        raise OrganizerError("; ".join([*problems[:3], "one submission alone: give a second one, or --benchmarks"]))
    found = compare(submissions, benchmarks)
    write(found, args.out)
    show(found)
    for problem in problems:
        print(f"not compared: {problem}")
    count = sum(len(one.items) for one in found)
    print(f"{count:,} shared items: {args.out}")
    if count > MAX_ROWS:
        print(f"the file ends after {MAX_ROWS:,} of them, pairs that share most first; name two submissions for theirs")
    return 0


def read_submissions(paths: Sequence[Path], vocabulary: Vocabulary) -> tuple[list[Source], list[str]]:
    """The items of each submission, and what could not be compared: one bad zip does not stop the check."""
    sources, problems = [], []
    with progress_bar("reading") as update:
        for number, path in enumerate(paths, 1):
            try:
                with open_submission(path) as submission:
                    texts = own_texts(submission)
                runs = vocabulary.runs_of([text] for text in texts)
                sources.append(Source(path.name, False, texts, runs))
                if nothing := int((runs.sizes == 0).sum()):
                    problems.append(f"{path.name}: {nothing:,} of {len(texts):,} items: {_TOO_SHORT}")
            except SubmissionError as error:
                problems.append(f"{path.name}: {error}")
            update(number, len(paths), path.name)
    return sources, problems


def read_benchmarks(folder: Path, vocabulary: Vocabulary) -> list[Source]:
    """The files of a folder, each one benchmark; a row, or a line of a .txt file, is one text."""
    if not folder.is_dir():
        raise OrganizerError(f"{folder}: no such folder; give the folder that holds the benchmarks' files")
    paths = [p for p in sorted(folder.rglob("*")) if p.suffix.lower() in BENCHMARK_FILES and p.is_file()]
    if not paths:
        raise OrganizerError(f"{folder}: no benchmark in it; put files there: {' '.join(sorted(BENCHMARK_FILES))}")
    sources = []
    for path in paths:
        try:
            rows = list(_rows(path))
        except (OSError, ValueError, csv.Error) as error:  # pyarrow's errors are ValueErrors and OSErrors
            raise OrganizerError(f"{path}: cannot be read: {' '.join(str(error).split())[:150]}") from None
        texts = [ways[0] for ways in rows]
        sources.append(Source(str(path.relative_to(folder)), True, texts, vocabulary.runs_of(rows)))
    return sources


def _rows(path: Path) -> Iterator[list[str]]:
    """The rows of a file, each in the ways that an item may have been made of it."""
    kind = path.suffix.lower()
    if kind == ".parquet":
        import pyarrow.parquet

        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1024):
                yield from map(_ways, batch.to_pylist())
        return
    with path.open(encoding="utf-8-sig", newline="" if kind == ".csv" else None) as lines:
        if kind == ".csv":
            csv.field_size_limit(10_000_000)
            yield from ([" ".join(row), *row] for row in csv.reader(lines))
        elif kind == ".txt":
            yield from ([line] for line in lines)
        elif kind == ".jsonl":
            yield from (_ways(json.loads(line)) for line in lines if line.strip())
        else:
            value = json.load(lines)
            yield from map(_ways, value if isinstance(value, list) else [value])


def _ways(row: Any) -> list[str]:  # noqa: ANN401 (what JSON holds)
    """All texts of a row as one; and each of its texts with each of its lists of choices, as items have them."""
    values = list(row.values()) if isinstance(row, dict) else [row]
    lists = [sorted(_texts(value)) for value in values if isinstance(value, list | dict)]
    fields = [value for value in values if isinstance(value, str)]
    whole = [*fields, *(text for texts in lists for text in texts)]
    return [" ".join(whole), *(" ".join([field, *texts]) for field in fields for texts in [*lists, []])]


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401 (what JSON holds)
    if isinstance(value, str):
        yield value.strip()
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


def compare(submissions: Sequence[Source], benchmarks: Sequence[Source]) -> list[Overlap]:
    """All that is shared, most first."""
    sources = [*submissions, *benchmarks]
    runs = in_common([source.runs for source in sources])
    found = []
    with progress_bar("comparing") as update:
        for number, one in enumerate(submissions):
            for place, other in enumerate(sources[number + 1 :], number + 1):
                mine, theirs = shared(runs[number], runs[place])
                found += [Overlap(one, other, mine)] if len(mine) else []
                found += [Overlap(other, one, theirs)] if len(theirs) and not other.benchmark else []
            update(number + 1, len(submissions), one.name)
    return sorted(found, key=lambda one: (-len(one.items) / len(one.submission.texts), one.submission.name))


def write(found: Sequence[Overlap], path: Path) -> None:
    """One row an item, at most a million: whose, which, how much, and the beginnings of both texts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with naming(path), path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["submission", "item", "other", "kind", "other_item", "share", "text", "other_text"])
        writer.writerows(islice(_csv_rows(found), MAX_ROWS))


def _csv_rows(found: Iterable[Overlap]) -> Iterator[list[str | int]]:
    for one in found:
        kind = "benchmark" if one.other.benchmark else "submission"
        for item, other, share in one.items.rows:
            texts = map(_shown, (one.submission.texts[item], one.other.texts[other]))
            shown = ["'" + t if t.startswith(("=", "+", "-", "@")) else t for t in texts]
            yield [one.submission.name, item, one.other.name, kind, other, f"{share:.3f}", *shown]


def _shown(text: str) -> str:
    return "".join(c for c in " ".join(text.split()) if c.isprintable())[:SHOWN_CHARACTERS]


def show(found: Sequence[Overlap]) -> None:
    """The pairs that share most."""
    numbers = [Column(title) for title in ("items", "shared", "of them whole")]
    columns = [Column("submission", is_name=True), *numbers, Column("with", is_name=True), Column("kind", left=True)]
    rows = []
    for one in found[:SHOWN_ROWS]:
        count = len(one.submission.texts)
        whole = int((one.items.shares == 1).sum())
        kind = "benchmark" if one.other.benchmark else "submission"
        share = f"{len(one.items):,} ({len(one.items) / count:.0%})"
        rows.append([one.submission.name, f"{count:,}", share, f"{whole:,}", one.other.name, kind])
    if found:
        console = Console()
        console.print(fitted_table("", columns, rows, console.width))
    if len(found) > SHOWN_ROWS:
        print(f"and {len(found) - SHOWN_ROWS} more pairs, in the file")
