"""`filter_docs` of a task: the rows of a data file that are kept, by the values of fields."""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2lm_ingestion.errors import Problems, SubmissionError
from e2lm_ingestion.sandbox.child import brief
from e2lm_ingestion.sandbox.documents import Document, Wanted, read_documents

SHOWN = 8  # values of a field in a message

Files = list[tuple[Path, str]]  # path, name to show in messages


@dataclass(frozen=True, slots=True)
class KeptRows:
    """Keeps the rows in which every field has one of its values."""

    values: Mapping[str, Sequence[Any]]  # by field; none: every row is kept
    source: str  # name of the task's file to show in messages

    @property
    def fields(self) -> frozenset[str]:
        """The fields that are compared."""
        return frozenset(self.values)

    def items(self, files: Files, limit: int, wanted: Wanted) -> list[Document]:
        """The kept rows of the files, at most `limit`.

        Raises SubmissionError for more, and for a value that no row has: it is misspelt, or a number in quotes.
        """
        if not self.values:
            return read_documents(files, limit, wanted)
        documents = read_documents(files, sys.maxsize, wanted)
        problems = Problems()
        for problem in self._without_rows(documents):
            problems.add(problem)
        problems.raise_any()
        kept = self._kept(documents)
        if len(kept) > limit:
            raise SubmissionError(f"{kept[limit].location}: more than {limit:,} items; keep {limit:,} at most")
        if documents and not kept:
            raise SubmissionError(
                f"{self.source}: filter_docs: no row has all of these values; {len(documents):,} rows"
            )
        return kept

    def of(self, files: Files, wanted: Wanted) -> list[Document]:
        """The kept rows of the files that examples come from."""
        return self._kept(read_documents(files, sys.maxsize, wanted))

    def _kept(self, documents: list[Document]) -> list[Document]:
        if not self.values:
            return documents
        return [
            document
            for document in documents
            if all(document.fields.get(field) in values for field, values in self.values.items())
        ]

    def _without_rows(self, documents: Sequence[Document]) -> Iterator[str]:
        place = f"{self.source}: filter_docs"
        for field, values in self.values.items() if documents else ():
            fields = documents[0].fields
            if field not in fields:
                near = difflib.get_close_matches(field[:60], fields, n=1)
                meant = f" (did you mean {brief(near[0])}?)" if near else ""
                known = brief(", ".join(fields))
                yield f"{place}: the data have no field {brief(field)}; the fields are {known}{meant}"
                continue
            there = {_shown(document.fields[field]): document.fields[field] for document in documents}
            for value in values:
                if value not in there.values():
                    some = ", ".join(list(there)[:SHOWN]) + (", ..." if len(there) > SHOWN else "")
                    yield f"{place}: no row has {_shown(value)} as `{brief(field)}`; there are {some}"


def _shown(value: Any) -> str:  # noqa: ANN401 (any JSON value)
    return brief(json.dumps(value, ensure_ascii=False))
