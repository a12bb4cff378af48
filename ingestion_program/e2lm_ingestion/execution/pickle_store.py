"""Objects that are many and large: what fits into a limit stays in memory, the rest lies in temporary files."""

from __future__ import annotations

import pickle
import tempfile
from pathlib import Path
from typing import Any

from e2lm_ingestion.errors import naming


class PickleStore:
    """Picklable objects by number. All are read in turn, again and again, so none is worth more memory than another."""

    def __init__(self, limit_bytes: int) -> None:
        """Objects of `limit_bytes` together, as pickled, are held in memory."""
        self._room = limit_bytes
        self._held: dict[int, Any] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="e2lm-")

    def put(self, number: int, value: Any) -> None:  # noqa: ANN401 (whatever is picklable)
        """Keep an object under a number that is free."""
        path = self.path(number)
        with naming(path), path.open("wb") as file:
            pickle.dump(value, file, protocol=pickle.HIGHEST_PROTOCOL)
        size = path.stat().st_size
        if size <= self._room:
            self._room -= size
            self._held[number] = value
            path.unlink()

    def get(self, number: int) -> Any:  # noqa: ANN401
        """The object. Raises KeyError when there is none."""
        if number in self._held:
            return self._held[number]
        path = self.path(number)
        if not path.is_file():
            raise KeyError(number)
        return unpickled(path)

    def path(self, number: int) -> Path:
        """Where an object lies that is not held in memory."""
        return Path(self._folder.name) / f"{number}.pickle"

    def close(self) -> None:
        """Forget everything."""
        self._held.clear()
        self._folder.cleanup()


def unpickled(path: Path) -> Any:  # noqa: ANN401
    """What a store wrote. Never called on a file of a submission."""
    with path.open("rb") as file:
        return pickle.load(file)
