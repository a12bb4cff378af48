"""Encoding splits context and continuation as lm-evaluation-harness does."""

from __future__ import annotations

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from tokenizers.decoders import ByteLevel
from transformers import PreTrainedTokenizerFast

from e2lm_ingestion.engines.requests import encode, encode_windows
from e2lm_ingestion.errors import SubmissionError

LETTERS = [chr(33 + i) for i in range(94)]
MERGES = [("Ġ", "a"), ("a", "b"), ("Ġ", "b")]


def make_tokenizer(*, bos: bool) -> PreTrainedTokenizerFast:
    """Byte-level BPE with three merges: " a", "ab" and " b" are one token each, any other byte is its own."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: i for i, token in enumerate(["<s>", *alphabet, *("".join(merge) for merge in MERGES)])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=MERGES))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = ByteLevel()
    if bos:
        tokenizer.post_processor = processors.TemplateProcessing("<s> $A", special_tokens=[("<s>", 0)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>")


def split(
    context: str, continuation: str, *, bos: bool = False, context_length: int = 100
) -> tuple[list[str], list[str]]:
    tokenizer = make_tokenizer(bos=bos)
    requests = encode([(context, continuation)], tokenizer, context_length)
    tokens = [str(tokenizer.convert_ids_to_tokens(int(token))) for token in requests.sequence(0)]
    at = int(requests.context_lengths[0])
    return tokens[:at], tokens[at:]


def test_the_pair_is_split_where_the_context_ends() -> None:
    assert split("xy", " ab") == (["x", "y"], ["Ġa", "b"])


def test_spaces_that_end_the_context_move_to_the_continuation() -> None:
    assert split("xy ", "ab") == (["x", "y"], ["Ġa", "b"])


def test_the_tokenizer_s_bos_comes_once() -> None:
    assert split("x", " a", bos=True) == (["<s>", "x"], ["Ġa"])
    assert split("<s>x", " a", bos=True) == (["<s>", "x"], ["Ġa"])


def test_an_empty_context_becomes_bos() -> None:
    assert split("", "x a") == (["<s>"], ["x", "Ġa"])


def test_a_continuation_that_merges_into_the_context_is_encoded_alone() -> None:
    # "a" + "b" is the one token "ab", which leaves nothing after the one token of the context.
    assert split("a", "b") == (["a"], ["b"])


def test_a_long_context_loses_its_beginning() -> None:
    # Five tokens are inputs and the sixth is only predicted.
    context, continuation = split("qrstuvw", "xyz", context_length=5)
    assert (context, continuation) == (["u", "v", "w"], ["x", "y", "z"])


def test_a_continuation_longer_than_the_context_is_refused() -> None:
    with pytest.raises(SubmissionError, match="does not fit"):
        split("q", "r" * 20, context_length=5)


def test_encoding_block_by_block_gives_the_same_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = make_tokenizer(bos=True)
    pairs = [(f"Question {i // 4}: what? ", f"answer {i}") for i in range(40)]
    whole = encode(pairs, tokenizer, 100)
    monkeypatch.setattr("e2lm_ingestion.engines.requests.BLOCK_CHARACTERS", 50)
    parts = encode(pairs, tokenizer, 100)
    for name in ("tokens", "starts", "context_lengths"):
        assert np.array_equal(getattr(whole, name), getattr(parts, name)), name


def test_more_tokens_than_memory_is_planned_for_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = make_tokenizer(bos=True)
    monkeypatch.setattr("e2lm_ingestion.engines.requests.MAX_TOKENS", 50)
    with pytest.raises(
        SubmissionError, match="the items have more than 50 tokens, each choice counted with its prompt"
    ):
        encode([("a b c d", " e")] * 40, tokenizer, 100)
    with pytest.raises(SubmissionError, match="more than 50 tokens"):
        encode_windows(["a b c d e f"] * 40, tokenizer, 100)
