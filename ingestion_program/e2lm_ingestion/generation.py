"""generate_until: prompts in tokens, texts that a model writes after them, and whether these are right."""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from e2lm_ingestion.encoding import encode_texts, prefix_token
from e2lm_ingestion.engines import Engine, Stop
from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.prompts import GenerationItem
from e2lm_ingestion.task import FilterName, GenerationKwargs, Metric

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


_FILTERS: dict[FilterName, Callable[[str], str]] = {
    "remove_whitespace": str.strip,
    "lowercase": str.lower,
    "uppercase": str.upper,
    "take_first": str,  # a model writes one text for each prompt
}


@dataclass(frozen=True, slots=True)
class Prompts:
    """What every model of a family is given."""

    tokens: list[list[int]]
    texts: tuple[str, ...]  # each ends a generation and is no part of it
    max_tokens: int
    tokenizer: PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class Texts:
    """What one model wrote."""

    texts: list[str]
    computed_tokens: int


def encode_prompts(
    items: Sequence[GenerationItem],
    generation: GenerationKwargs,
    tokenizer: PreTrainedTokenizerBase,
    context_length: int,
) -> Prompts:
    """Encode the contexts, as lm-evaluation-harness does: what does not fit before `max_gen_toks` loses its beginning.

    Raises SubmissionError when nothing of a prompt would be left.
    """
    room = context_length - generation.max_gen_toks
    if room < 1:
        raise SubmissionError(
            f"task.yaml: generation_kwargs: max_gen_toks is {generation.max_gen_toks:,}, and these models read "
            f"{context_length:,} tokens together with what they write; lower it"
        )
    encoded = encode_texts(tokenizer, [item.context for item in items])
    tokens = [own[-room:] or [prefix_token(tokenizer)] for own in encoded]
    return Prompts(tokens, generation.until, generation.max_gen_toks, tokenizer)


def write(engine: Engine, prompts: Prompts) -> Texts:
    """Let the loaded model write after each prompt, up to the first text that ends it or the tokenizer's EOS."""
    tokenizer = prompts.tokenizer

    def decode(tokens: Sequence[int]) -> str:
        return str(tokenizer.decode(list(tokens), skip_special_tokens=True))

    ends = frozenset() if tokenizer.eos_token_id is None else frozenset({int(tokenizer.eos_token_id)})
    written = engine.generate(prompts.tokens, Stop(ends, prompts.texts, prompts.max_tokens, decode))
    texts = []
    for tokens in written.tokens:
        text = decode([token for token in tokens if token not in ends])
        for end in prompts.texts:
            text = text.split(end, maxsplit=1)[0]
        texts.append(text)
    return Texts(texts, written.computed_tokens)


def filtered(text: str, filters: Sequence[FilterName]) -> str:
    """A text after the steps of a task's filter."""
    for function in filters:
        text = _FILTERS[function](text)
    return text


def exact_match(texts: Sequence[str], references: Sequence[str], metric: Metric) -> np.ndarray:
    """1 where a text is its reference, else 0; (items,) float32. Options as in lm-evaluation-harness."""
    pairs = zip(texts, references, strict=True)
    equal = [_plain(text, metric) == _plain(reference, metric) for text, reference in pairs]
    return np.asarray(equal, dtype=np.float32)


def _plain(text: str, metric: Metric) -> str:
    text = text.lower() if metric.ignore_case else text
    removed = (string.punctuation if metric.ignore_punctuation else "") + (
        string.digits if metric.ignore_numbers else ""
    )
    return text.translate(str.maketrans("", "", removed))
