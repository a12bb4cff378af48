"""The tokenizer: reads anything, and the same corpora give the same one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from transformers import AutoTokenizer

from e2lm.suites.miniature.tokenizer import END, VOCABULARY, train_tokenizer
from e2lm.suites.miniature.worlds import science_mixture


def test_any_text_survives_a_round_trip_through_a_saved_tokenizer(tmp_path: Path) -> None:
    train_tokenizer(science_mixture(np.random.default_rng(0), 500), 2048).save_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    text = "Question: What is the color of rilum?\nAnswer: «日本» ½"
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    assert tokenizer.eos_token == tokenizer.bos_token == END
    assert len(tokenizer) <= VOCABULARY


def test_the_same_corpora_give_the_same_tokenizer() -> None:
    corpus = science_mixture(np.random.default_rng(0), 500)
    first, second = (train_tokenizer(corpus, 2048).backend_tokenizer.to_str() for _ in range(2))
    assert first == second
