"""Requests and tokens of a task, exact and estimated."""

from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from e2lm.suites.registry import find_suite
from e2lm_ingestion.engines.prefix_tree import unique_tokens
from e2lm_ingestion.engines.requests import encode
from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.forecast import volume as counting
from e2lm_ingestion.output_types.protocol import Item
from e2lm_ingestion.suite import checkpoints_of, load_suite


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    vocabulary = {"[UNK]": 0, **{f"w{i}": i + 1 for i in range(50)}}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=words, bos_token="[UNK]", unk_token="[UNK]")


def items(count: int, words: int = 30) -> list[Item]:
    head = " ".join(["w1"] * 100)
    own = [" ".join(f"w{(i * 7 + j) % 50}" for j in range(words)) for i in range(count)]
    return [Item((f"{head}\n\n{text}",), (" w2 w3", " w4"), ("w2 w3", "w4"), (0,)) for text in own]


def test_a_small_task_is_counted_exactly(tokenizer: PreTrainedTokenizerFast) -> None:
    task = items(40)
    volume = counting.volume(task, tokenizer, 2048)
    encoded = encode([pair for item in task for pair in item.pairs], tokenizer, 2048)
    assert (volume.requests, volume.tokens) == (80, len(encoded.tokens))
    assert volume.unique_tokens == unique_tokens(encoded)
    assert volume.source == "counted"


def test_a_sample_stands_for_a_large_task(tokenizer: PreTrainedTokenizerFast, monkeypatch: pytest.MonkeyPatch) -> None:
    task = items(400, words=200)
    exact = counting.volume(task, tokenizer, 2048)
    monkeypatch.setattr(counting, "SAMPLE_CHARACTERS", 100_000)
    estimate = counting.volume(task, tokenizer, 2048)
    assert estimate.source.startswith("estimated from ")
    assert estimate.tokens == pytest.approx(exact.tokens, rel=0.01)


def test_without_a_tokenizer_the_estimate_says_so() -> None:
    volume = counting.volume(items(100), None, 2048)
    assert "no tokenizer of the suite is on this machine" in volume.source
    assert 0 < volume.unique_tokens < volume.tokens


def test_a_damaged_tokenizer_is_one_error(tmp_path: Path) -> None:
    suite = load_suite(find_suite("miniature").suite)
    folder = checkpoints_of(suite, tmp_path)[0].path
    folder.mkdir(parents=True)
    assert counting.suite_tokenizer(suite, tmp_path) is None
    (folder / "tokenizer.json").write_text("{")
    with pytest.raises(OrganizerError, match=r"tokenizer\.json: not a tokenizer: .*; fetch it again$"):
        counting.suite_tokenizer(suite, tmp_path)
