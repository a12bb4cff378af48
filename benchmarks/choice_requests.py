"""Tokens of a multiple-choice task: four choices of two to eight tokens for each question, after one head."""

from __future__ import annotations

import numpy as np

from e2lm_ingestion.engines.requests import Requests

HEAD, CONTEXT = 560, 1024  # tokens


def make_requests(questions: int, vocabulary: int) -> Requests:
    """Questions of 84 to 139 random tokens after a few-shot head of `HEAD` tokens that all share.

    Tokens are drawn from 5 up, because the first ones of a vocabulary are special. The same in every call.
    """
    rng = np.random.default_rng(0)
    head = rng.integers(5, vocabulary, HEAD)
    sequences, lengths = [], []
    for _ in range(questions):
        context = np.concatenate([head, rng.integers(5, vocabulary, rng.integers(84, 140))])
        for _ in range(4):
            sequences.append(np.concatenate([context, rng.integers(5, vocabulary, rng.integers(2, 9))]))
            lengths.append(len(context))
    assert max(map(len, sequences)) < CONTEXT
    starts = np.cumsum([0, *map(len, sequences)])
    return Requests(np.concatenate(sequences).astype(np.int32), starts, np.asarray(lengths))
