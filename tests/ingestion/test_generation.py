"""Prompts of generation tasks, the texts cut out of what is written, and how they are compared."""

from __future__ import annotations

import string
from collections.abc import Sequence

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from e2lm_ingestion.engines import Generations, Stop
from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.generation import Prompts, encode_prompts, exact_match, filtered, write
from e2lm_ingestion.prompts import GenerationItem
from e2lm_ingestion.task import GenerationKwargs, Metric


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    """A token for every character, and the special token that ends a text."""
    characters = {text: number for number, text in enumerate(["<end>", *string.printable])}
    alphabet = Tokenizer(models.WordLevel(characters, unk_token="<end>"))
    alphabet.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    alphabet.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(tokenizer_object=alphabet, eos_token="<end>")


class Parrot:
    """Not a model: it writes a given text, token by token, until it is told to stop."""

    def __init__(self, tokens: Sequence[int]) -> None:
        self._tokens = tokens

    def generate(self, prompts: Sequence[Sequence[int]], stop: Stop) -> Generations:
        written: list[int] = []
        for token in self._tokens:
            if stop.reached(written):
                break
            written.append(token)
        return Generations([written for _ in prompts], 0)


@pytest.mark.parametrize(
    ("until", "most", "written", "kept"),
    [
        (("\n",), 10, "gas\nQuestion", "gas"),
        (("stop", "\n"), 16, "a gas stop here\n", "a gas "),
        (("zz",), 10, "as long as it may be", "as long as"),
        (("zz",), 10, "gas<end>more", "gas"),
    ],
)
def test_a_text_ends_before_what_ends_it(
    tokenizer: PreTrainedTokenizerFast, until: tuple[str, ...], most: int, written: str, kept: str
) -> None:
    tokens = tokenizer.encode(written, add_special_tokens=False)
    assert write(Parrot(tokens), Prompts([[1]], until, most, tokenizer)).texts == [kept]  # type: ignore[arg-type]


def test_a_long_prompt_loses_its_beginning_so_that_the_answer_fits(tokenizer: PreTrainedTokenizerFast) -> None:
    kwargs = GenerationKwargs.model_validate({"until": "\n", "max_gen_toks": 4})
    items = [GenerationItem("0123456789", "x"), GenerationItem("", "x")]
    encoded = encode_prompts(items, kwargs, tokenizer, context_length=10)
    assert tokenizer.decode(encoded.tokens[0]) == "456789"
    assert encoded.tokens[1] == [tokenizer.eos_token_id]


def test_no_room_for_a_prompt_is_refused(tokenizer: PreTrainedTokenizerFast) -> None:
    with pytest.raises(SubmissionError, match="max_gen_toks is 10, and these models read 10 tokens"):
        encode_prompts([], GenerationKwargs(max_gen_toks=10), tokenizer, context_length=10)


@pytest.mark.parametrize(
    ("options", "right"),
    [
        ({}, [1, 0, 0, 0]),
        ({"ignore_case": True}, [1, 1, 0, 0]),
        ({"ignore_punctuation": True}, [1, 0, 1, 0]),
        ({"ignore_numbers": True}, [1, 0, 0, 1]),
    ],
)
def test_exact_match_honors_its_options(options: dict[str, bool], right: list[int]) -> None:
    metric = Metric.model_validate({"metric": "exact_match", **options})
    assert exact_match(["gas", "Gas", "gas.", "gas2"], ["gas"] * 4, metric).tolist() == right


def test_filters_run_in_their_order() -> None:
    assert filtered(" Gas \n", ["remove_whitespace", "lowercase", "take_first"]) == "gas"
    assert filtered(" gas", ["uppercase"]) == " GAS"
