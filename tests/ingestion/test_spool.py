"""Objects that are many: some in memory, the others in files, all the same to the reader."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest

from e2lm_ingestion.spool import Spool, unpickled


def test_what_fits_stays_in_memory_and_the_rest_comes_from_files() -> None:
    with closing(Spool(limit_bytes=1000)) as spool:
        small, large = np.arange(10), np.arange(10_000)
        spool.put(0, small)
        spool.put(1, large)
        assert spool.get(0) is small
        assert not spool.path(0).exists()
        assert spool.get(1) is not large
        np.testing.assert_array_equal(spool.get(1), large)
        np.testing.assert_array_equal(unpickled(spool.path(1)), large)
        folder = spool.path(1).parent
    assert not folder.exists()


def test_what_is_not_there_is_a_key_error() -> None:
    with closing(Spool(0)) as spool, pytest.raises(KeyError):
        spool.get(3)
