"""A tokenizer that the tests of output types share."""

from __future__ import annotations

import string

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerFast:
    """A token for every character, and the special token that ends a text."""
    characters = {text: number for number, text in enumerate(["<end>", *string.printable])}
    alphabet = Tokenizer(models.WordLevel(characters, unk_token="<end>"))
    alphabet.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    alphabet.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(tokenizer_object=alphabet, eos_token="<end>")
