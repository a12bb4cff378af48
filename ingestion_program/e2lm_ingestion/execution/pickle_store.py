"""Store for many large objects: up to a limit in memory, the rest in temporary files."""

from __future__ import annotations

import pickle
import tempfile
from pathlib import Path
from typing import Any

from e2lm_ingestion.errors import naming


class PickleStore:
    """Picklable objects by number.

    All objects are read equally often, in cycles, so an object that is in memory is never evicted for another.
    """

    def __init__(self, limit_bytes: int) -> None:
        """Hold up to `limit_bytes` of objects in memory; the size of an object is the size of its pickle."""
        self._bytes_left = limit_bytes
        self._held: dict[int, Any] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="e2lm-")

    def put(self, number: int, value: Any) -> None:  # noqa: ANN401 (any picklable object)
        """Store an object under an unused number."""
        path = self.path(number)
        with naming(path), path.open("wb") as file:
            pickle.dump(value, file, protocol=pickle.HIGHEST_PROTOCOL)
        size = path.stat().st_size
        if size <= self._bytes_left:
            self._bytes_left -= size
            self._held[number] = value
            path.unlink()

    def get(self, number: int) -> Any:  # noqa: ANN401
        """The object with this number. Raises KeyError when there is none."""
        if number in self._held:
            return self._held[number]
        path = self.path(number)
        if not path.is_file():
            raise KeyError(number)
        return unpickled(path)

    def path(self, number: int) -> Path:
        """The file of an object that is not in memory."""
        return Path(self._folder.name) / f"{number}.pickle"

    def close(self) -> None:
        """Drop all objects and delete their files."""
        self._held.clear()
        self._folder.cleanup()


def unpickled(path: Path) -> Any:  # noqa: ANN401
    """Load an object from a file that a PickleStore wrote. Not for files of a submission: a pickle can run code."""
    with path.open("rb") as file:
        return pickle.load(file)
