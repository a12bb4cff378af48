"""Checkpoints that the engine tests share."""

from __future__ import annotations

import pytest

from e2lm_ingestion.suite import Checkpoint
from tests.llamas import make_llama


@pytest.fixture(scope="session")
def llamas(tmp_path_factory: pytest.TempPathFactory) -> list[Checkpoint]:
    """Two checkpoints of one engine group."""
    root = tmp_path_factory.mktemp("llama")
    return [make_llama(root / f"model/iter_{seed}", seed) for seed in range(2)]
