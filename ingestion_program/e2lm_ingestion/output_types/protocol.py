"""What an output type is to the sweep: items that are encoded once, scored by each model, and kept as arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from e2lm_ingestion.engines import Engine

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Answers(Protocol):
    """What one checkpoint's model says of all items."""

    @property
    def computed_tokens(self) -> int:
        """Tokens that went through the model."""


class ItemSet(Protocol):
    """The items of one task or group. Picklable: encoding and asking may happen in another process."""

    @property
    def count(self) -> int:
        """How many items."""

    @property
    def chance(self) -> float | None:
        """The score that guessing gives; None where that has no meaning."""

    @property
    def subsets(self) -> list[tuple[str, int]]:
        """The name and number of items of each task of a group, in order; none of a task alone."""

    def encode(self, tokenizer: PreTrainedTokenizerBase, context_length: int) -> Any:  # noqa: ANN401 (for `score`)
        """What `score` needs, once for each engine group of checkpoints."""

    def score(self, engine: Engine, encoded: Any) -> Answers:  # noqa: ANN401 (of `encode`)
        """Ask the loaded model."""

    def item_arrays(self) -> dict[str, np.ndarray]:
        """What the items are, for metrics: the arrays of items.npz."""

    def arrays(self, answers: Any) -> dict[str, np.ndarray]:  # noqa: ANN401 (of `score`)
        """What is kept: `item_scores` (items,) float32 and what they were made from."""
