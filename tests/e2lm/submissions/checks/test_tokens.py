"""Token boundaries, and items that are too long."""

from __future__ import annotations

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from e2lm.submissions.checks import tokens
from e2lm_ingestion.output_types.protocol import Item


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


@pytest.mark.parametrize("known", [True, False])
def test_items_longer_than_the_context_are_found(tokenizer: PreTrainedTokenizerFast, known: bool) -> None:
    task = items(100)
    assert tokens.too_long(task, tokenizer if known else None, 2048, 3.0) == []
    task[17] = Item((" ".join(["w1"] * 3000),), (" w2", " w3"), ("w2", "w3"), (0,))
    found = tokens.too_long(task, tokenizer if known else None, 2048, 3.0)
    assert found[0].items == (17,)
    assert found[0].message.startswith("1 items" if known else "about 1 items")


def test_pieces_join_to_the_text(tokenizer: PreTrainedTokenizerFast) -> None:
    assert tokens.pieces("w1 w2\nw3", tokenizer) == ["w1 ", "w2\n", "w3"]
    assert tokens.continuation_pieces("w1", " w2 w3", tokenizer) == [" w2 ", "w3"]
    assert tokens.pieces("", tokenizer) == []
