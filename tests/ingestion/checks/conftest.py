"""Synthetic questions for the checks."""

from __future__ import annotations

import random

import pytest

from e2lm_ingestion.checks.questions import Question


@pytest.fixture
def fair() -> list[Question]:
    """800 questions of random words, in which right and wrong choices do not differ."""
    draw = random.Random(0)

    def words(count: int) -> str:
        return " ".join(f"w{draw.randrange(3000)}" for _ in range(count))

    return [
        Question(i, "", f"{words(12)} {i}", tuple(words(draw.randrange(3, 9)) for _ in range(4)), (draw.randrange(4),))
        for i in range(800)
    ]
