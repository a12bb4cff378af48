"""Encodes texts into the token sequences to score, once per engine group."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from e2lm_ingestion.errors import SubmissionError

# 15,000 items of four choices with five examples are 42 million tokens with the prompts of MMLU (700 tokens), and 123
# million where every prompt fills a context of 2,048. docs/performance.md has the memory.
MAX_TOKENS = 125_000_000
BLOCK_CHARACTERS = 4_000_000  # encoded at a time

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Requests:
    """Sequences to score in one flat array.

    Request r is tokens[starts[r]:starts[r + 1]]: context_lengths[r] tokens of context, then the continuation. Both have
    at least one token. Compared by identity, so that an engine can keep what it derives from them.
    """

    tokens: np.ndarray  # (all tokens,) int32
    starts: np.ndarray  # (requests + 1,) int64
    context_lengths: np.ndarray  # (requests,) int64

    @staticmethod
    def none() -> Requests:
        """No requests."""
        nothing = np.zeros(0, dtype=np.int64)
        return Requests(nothing.astype(np.int32), np.zeros(1, dtype=np.int64), nothing)

    def __len__(self) -> int:
        return len(self.context_lengths)

    def sequence(self, request: int) -> np.ndarray:
        """Context and continuation of one request, (tokens,) int32."""
        return self.tokens[self.starts[request] : self.starts[request + 1]]


def encode(pairs: Sequence[tuple[str, str]], tokenizer: PreTrainedTokenizerBase, context_length: int) -> Requests:
    """Encode each continuation after its context as lm-evaluation-harness does, so that scores agree.

    `pairs` are (context, continuation). Both are encoded together and split at the length of the context's own
    encoding; trailing spaces of the context move to the continuation. A sequence of more than `context_length` + 1
    tokens is truncated on the left (the last token is predicted but never an input). An empty context becomes the
    tokenizer's BOS token, or EOS if it has no BOS.

    Raises SubmissionError for a continuation longer than `context_length`, an empty context without BOS and EOS, or
    more than MAX_TOKENS in all.
    """
    sequences, total = [Requests.none()], 0
    for block in _blocks(pairs):
        sequences.append(_encoded_block(block, tokenizer, context_length))
        total += len(sequences[-1].tokens)
        refuse_too_many(total)
    return join_requests(sequences)


def _blocks(pairs: Sequence[tuple[str, str]]) -> Iterator[Sequence[tuple[str, str]]]:
    """Neighbouring pairs of BLOCK_CHARACTERS together: a tokenizer needs hundreds of bytes for each token at a time."""
    first = characters = 0
    for index, (context, continuation) in enumerate(pairs):
        characters += len(context) + len(continuation)
        if characters > BLOCK_CHARACTERS and index > first:
            yield pairs[first:index]
            first, characters = index, len(context) + len(continuation)
    if first < len(pairs):
        yield pairs[first:]


def refuse_too_many(tokens: int) -> None:
    """Raise SubmissionError for more than MAX_TOKENS."""
    if tokens > MAX_TOKENS:
        raise SubmissionError(
            f"the items have more than {MAX_TOKENS:,} tokens, each choice counted with its prompt; submit fewer items "
            "or choices, or shorter prompts"
        )


def _encoded_block(
    pairs: Sequence[tuple[str, str]], tokenizer: PreTrainedTokenizerBase, context_length: int
) -> Requests:
    joint = [moved(context, continuation) for context, continuation in pairs]
    contexts = list(dict.fromkeys(context for context, _ in joint))
    encoded_contexts = dict(zip(contexts, encode_texts(tokenizer, contexts), strict=True))
    encoded_joint = encode_texts(tokenizer, [context + continuation for context, continuation in joint])
    sequences, context_lengths = [], []
    for (context, continuation), tokens in zip(joint, encoded_joint, strict=True):
        if context:
            split = len(encoded_contexts[context])
        else:
            tokens, split = [prefix_token(tokenizer), *_without_special(tokenizer, continuation)], 1
        if len(tokens) <= split:
            tokens = [*encoded_contexts[context], *_without_special(tokenizer, continuation)]
        dropped = max(0, len(tokens) - (context_length + 1))
        if split - dropped < 1:
            raise SubmissionError(
                f"a continuation of {len(tokens) - split} tokens does not fit the context of {context_length} tokens: "
                f"{continuation[:60]!r}...; shorten the answers"
            )
        sequences.append(tokens[dropped:])
        context_lengths.append(split - dropped)
    return _flat(sequences, context_lengths)


def encode_windows(
    texts: Sequence[str], tokenizer: PreTrainedTokenizerBase, context_length: int
) -> tuple[Requests, np.ndarray]:
    """Encode whole texts as windows that score every token once, like lm-evaluation-harness' loglikelihood_rolling.

    The context of the first window is the tokenizer's BOS token (EOS if it has no BOS), that of a later window as many
    preceding tokens as fit. Returns the windows and the index of each window's text, (requests,) int64. Raises
    SubmissionError when the tokenizer has neither BOS nor EOS.
    """
    first = prefix_token(tokenizer)
    sequences, context_lengths, text_numbers = [], [], []
    encoded = (tokens for block in _blocks([("", text) for text in texts]) for tokens in _texts_of(block, tokenizer))
    total = 0
    for number, tokens in enumerate(encoded):
        total += len(tokens)
        refuse_too_many(total)
        for start in range(0, len(tokens), context_length):
            end = min(start + context_length, len(tokens))
            begin = max(0, end - context_length - 1)
            sequences.append(tokens[begin:end] if start else [first, *tokens[:end]])
            context_lengths.append(start - begin if start else 1)
            text_numbers.append(number)
    return _flat(sequences, context_lengths), np.asarray(text_numbers, dtype=np.int64)


def _texts_of(block: Sequence[tuple[str, str]], tokenizer: PreTrainedTokenizerBase) -> list[list[int]]:
    return encode_texts(tokenizer, [text for _, text in block])


def join_requests(parts: Sequence[Requests]) -> Requests:
    """The requests of all parts, one after the other."""
    lengths = np.concatenate([np.diff(part.starts) for part in parts])
    return Requests(
        np.concatenate([part.tokens for part in parts]),
        np.cumsum([0, *lengths], dtype=np.int64),
        np.concatenate([part.context_lengths for part in parts]),
    )


def _flat(sequences: list[list[int]], context_lengths: list[int]) -> Requests:
    starts = np.zeros(len(sequences) + 1, dtype=np.int64)
    np.cumsum([len(sequence) for sequence in sequences], out=starts[1:])
    tokens = np.fromiter((token for sequence in sequences for token in sequence), dtype=np.int32, count=starts[-1])
    return Requests(tokens, starts, np.asarray(context_lengths, dtype=np.int64))


def moved(context: str, continuation: str) -> tuple[str, str]:
    """Move the trailing spaces of the context to the start of the continuation."""
    kept = context.rstrip()
    return kept, context[len(kept) :] + continuation


def encode_texts(tokenizer: PreTrainedTokenizerBase, texts: list[str]) -> list[list[int]]:
    """Encode with the special tokens that the tokenizer adds by default, but without a second BOS."""
    bos = tokenizer.bos_token
    plain = [text for text in texts if not (bos and text.startswith(bos))]
    encoded = iter(tokenizer(plain, return_attention_mask=False)["input_ids"] if plain else [])
    return [_without_special(tokenizer, text) if bos and text.startswith(bos) else next(encoded) for text in texts]


def _without_special(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    tokens: list[int] = tokenizer.encode(text, add_special_tokens=False)
    return tokens


def prefix_token(tokenizer: PreTrainedTokenizerBase) -> int:
    """The token used as an empty context: BOS, or EOS without BOS. Raises SubmissionError if there is neither."""
    token = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    if token is None:
        raise SubmissionError("an item has an empty context and this tokenizer has no BOS or EOS; write a doc_to_text")
    return int(token)
