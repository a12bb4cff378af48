"""Training: the clock, packing, and a few seconds of the real thing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from e2lm.suites.miniature.tokenizer import train_tokenizer
from e2lm.suites.miniature.training import Recipe, new_model, pack, steps_at, tokens_needed, train, train_checkpoints
from e2lm.suites.miniature.worlds import science_mixture

TINY = Recipe("tiny", "science", hidden=32, layers=1, heads=4, feed_forward=64, learning_rate=4e-3)


@pytest.fixture(scope="module")
def corpus() -> tuple[PreTrainedTokenizerFast, np.ndarray]:
    """A tokenizer, and documents as a stream of its tokens."""
    documents = science_mixture(np.random.default_rng(0), 2000)
    tokenizer = train_tokenizer(documents, 2048)
    return tokenizer, pack(tokenizer(documents)["input_ids"], tokenizer.eos_token_id, 40_000)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Models this small are slower on more threads, much slower on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_real_steps_are_proportional_to_the_published_tokens() -> None:
    assert steps_at(56000) / steps_at(4000) == pytest.approx(205.992138 / 4.194304, rel=0.02)
    assert steps_at(56000) / steps_at(244000) == pytest.approx(0.207, abs=0.001)


def test_packing_puts_an_end_token_before_each_document_and_stops_at_the_length() -> None:
    assert pack([[5, 6], [7], [8, 9]], end_token=0, tokens=6).tolist() == [0, 5, 6, 0, 7, 0]


def test_too_few_documents_are_an_error() -> None:
    with pytest.raises(ValueError, match="3 tokens, 4 are needed"):
        pack([[5, 6]], end_token=0, tokens=4)


@pytest.mark.slow
def test_the_loss_falls(corpus: tuple[PreTrainedTokenizerFast, np.ndarray]) -> None:
    tokenizer, stream = corpus
    losses: list[float] = []
    model = new_model(TINY, len(tokenizer), 2048, tokenizer.eos_token_id)
    train(model, stream, learning_rate=4e-3, steps=150, after_step=lambda step, loss: losses.append(loss))
    assert np.mean(losses[-20:]) < 0.5 * np.mean(losses[:5])


@pytest.mark.slow
def test_checkpoints_are_complete_repeatable_and_load_as_hugging_face_models(
    corpus: tuple[PreTrainedTokenizerFast, np.ndarray], tmp_path: Path
) -> None:
    tokenizer, stream = corpus
    stream = stream[: tokens_needed(8000)]
    seen: list[int] = []
    for run in ("first", "second"):
        train_checkpoints(TINY, stream, tokenizer, [4000, 8000], tmp_path / run, seen.append)
    assert seen == [4000, 8000, 4000, 8000]
    weights = [tmp_path / run / "iter_0008000/model.safetensors" for run in ("first", "second")]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    assert sorted(path.name for path in (tmp_path / "first").iterdir()) == ["iter_0004000", "iter_0008000"]
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "first/iter_0008000")
    assert next(model.parameters()).dtype == torch.float32
