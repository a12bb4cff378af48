"""Finds items that submissions share with each other or with public benchmarks."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2lm.submissions.ngram_overlap import SHORTEST, Runs, Shared, Vocabulary, as_read, in_common, shared, with_endings
from e2lm.submissions.template_free_text import free_texts
from e2lm.terminal.progress import progress_bar
from e2lm_ingestion.errors import OrganizerError, SubmissionError
from e2lm_ingestion.submission.submission import open_submission

BENCHMARK_FILES = frozenset({".jsonl", ".json", ".csv", ".parquet", ".txt"})
_TOO_SHORT = (
    f"their documents have fewer than {SHORTEST} words of their own, or words that too many other items have as well"
)


@dataclass(frozen=True, slots=True)
class Source:
    """A submission or a benchmark."""

    name: str
    benchmark: bool
    texts: Sequence[str]
    runs: Runs


@dataclass(frozen=True, slots=True)
class Overlap:
    """The items that one submission shares with another source."""

    submission: Source
    other: Source
    items: Shared


def read_submissions(paths: Sequence[Path], vocabulary: Vocabulary) -> tuple[list[Source], list[str]]:
    """The items of each submission, and messages about those that cannot be compared, which do not stop the others."""
    sources, problems = [], []
    with progress_bar("reading") as update:
        for number, path in enumerate(paths, 1):
            try:
                with open_submission(path) as submission:
                    texts = free_texts(submission)
                runs = vocabulary.runs_of(map(with_endings, texts))
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
        raise OrganizerError(
            f"{folder}: no benchmark in it; put files of these types there: {' '.join(sorted(BENCHMARK_FILES))}"
        )
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
    """The rows of a file, each as the variants of text that an item may have been made of."""
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
    """Variants of a row: all its texts joined, and each text with each list of choices, as in items."""
    values = list(row.values()) if isinstance(row, dict) else [row]
    lists = [sorted(_texts(value), key=as_read) for value in values if isinstance(value, list | dict)]
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
    """All pairs of sources that share items, those with most items first."""
    sources = [*submissions, *benchmarks]
    runs = in_common([source.runs for source in sources])
    found = []
    with progress_bar("comparing") as update:
        for number, one in enumerate(submissions):
            for position, other in enumerate(sources[number + 1 :], number + 1):
                mine, theirs = shared(runs[number], runs[position])
                found += [Overlap(one, other, mine)] if len(mine) else []
                found += [Overlap(other, one, theirs)] if len(theirs) and not other.benchmark else []
            update(number + 1, len(submissions), one.name)
    return sorted(found, key=lambda one: (-len(one.items) / len(one.submission.texts), one.submission.name))
