"""Sentences of words that mean nothing, drawn with a seed."""

from __future__ import annotations

import random

WORDS = [f"w{number}" for number in range(5000)]


def sentences(count: int, seed: int, words: int = 30) -> list[str]:
    """So many sentences of so many words."""
    rng = random.Random(seed)
    return [" ".join(rng.choices(WORDS, k=words)) for _ in range(count)]
