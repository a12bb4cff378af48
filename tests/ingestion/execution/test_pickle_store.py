"""Objects in memory and in files read the same."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest

from e2lm_ingestion.execution.pickle_store import PickleStore, unpickled


def test_objects_up_to_the_limit_stay_in_memory_and_the_rest_in_files() -> None:
    with closing(PickleStore(limit_bytes=1000)) as store:
        small, large = np.arange(10), np.arange(10_000)
        store.put(0, small)
        store.put(1, large)
        assert store.get(0) is small
        assert not store.path(0).exists()
        assert store.get(1) is not large
        np.testing.assert_array_equal(store.get(1), large)
        np.testing.assert_array_equal(unpickled(store.path(1)), large)
        folder = store.path(1).parent
    assert not folder.exists()


def test_a_missing_number_raises_a_key_error() -> None:
    with closing(PickleStore(0)) as store, pytest.raises(KeyError):
        store.get(3)
