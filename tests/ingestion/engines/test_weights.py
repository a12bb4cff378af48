"""A context that is longer than a model has positions for is refused before anything is computed."""

from __future__ import annotations

from typing import Any

import pytest

from e2lm_ingestion.engines.transformers import TransformersEngine
from e2lm_ingestion.engines.weights import max_positions, refuse_longer_context
from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.suite import Checkpoint

CONFIGS: list[tuple[dict[str, Any], int | None]] = [
    ({"max_position_embeddings": 1024}, 1024),
    ({"n_positions": 512, "n_ctx": 256}, 512),
    ({"max_position_embeddings": 1024, "rope_scaling": None}, 1024),
    ({"max_position_embeddings": 1024, "rope_scaling": {"type": "linear", "factor": 2}}, 2048),
    (
        {
            "max_position_embeddings": 4096,
            "rope_parameters": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 1024},
        },
        4096,
    ),
    ({"max_position_embeddings": 8192, "rope_scaling": {"rope_type": "llama3", "factor": 8.0}}, 8192),
    ({"model_type": "bloom"}, None),
]


@pytest.mark.parametrize(("config", "positions"), CONFIGS)
def test_a_config_says_how_many_positions_a_model_has(config: dict[str, Any], positions: int | None) -> None:
    assert max_positions(config) == positions


def test_a_context_longer_than_the_positions_is_refused(llamas: list[Checkpoint]) -> None:
    with pytest.raises(OrganizerError, match=r"config\.json: the model has 1,024 positions.*1,025"):
        TransformersEngine("float32", context_length=1025).load(llamas[0])
    TransformersEngine("float32", context_length=1024).load(llamas[0])


def test_without_a_number_of_positions_any_context_is_taken(llamas: list[Checkpoint]) -> None:
    refuse_longer_context(llamas[0], {}, 10**6)
