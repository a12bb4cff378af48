"""Finds items longer than the context, and shows token boundaries."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from e2lm_ingestion.checks.questions import Finding, some
from e2lm_ingestion.forecast.volume import longest
from e2lm_ingestion.output_types.protocol import Item

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

DOUBTFUL_CHARACTERS = 2_000_000  # characters encoded to check whether long items fit


def too_long(
    items: Sequence[Item],
    tokenizer: PreTrainedTokenizerBase | None,
    context_length: int,
    characters_per_token: float,
) -> list[Finding]:
    """Warnings for items whose prompt is cut at the beginning. Items near the limit are encoded, within the budget."""
    found, estimated, budget = [], tokenizer is None, DOUBTFUL_CHARACTERS
    for number, item in enumerate(items):
        characters = longest(item)
        ratio = characters / characters_per_token / (context_length + 1)
        if ratio < 0.25:
            continue
        if tokenizer is not None and ratio < 4 and budget > 0:
            budget -= characters
            context, continuation = max(item.pairs, key=lambda pair: len(pair[0]) + len(pair[1]))
            long = len(tokenizer.encode(context + continuation)) > context_length + 1
        else:
            long, estimated = ratio > 1, True
        if long:
            found.append(number)
    if not found:
        return []
    about = "about " if estimated else ""
    return [
        Finding(
            "longer_than_context",
            f"{about}{len(found):,} items are longer than the context of {context_length:,} tokens (items "
            f"{some(found)}) and lose the beginning of their prompt: use fewer examples or shorter texts",
            tuple(found[:10]),
        )
    ]


def pieces(text: str, tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """The text cut at its token boundaries; tokens that share a character stay in one piece."""
    offsets = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    cuts = sorted({0, len(text), *(start for start, end in offsets if end > start)})
    return [text[start:end] for start, end in pairwise(cuts)]


def continuation_pieces(context: str, continuation: str, tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """The scored continuation, cut at token boundaries, split from the context as in engines/requests.py."""
    joint = tokenizer(context + continuation, add_special_tokens=False, return_offsets_mapping=True)
    split = len(tokenizer.encode(context, add_special_tokens=False))
    offsets = [(start, end) for start, end in joint["offset_mapping"][split:] if end > start]
    if not offsets:  # if the whole continuation merges into the context's last token, it is encoded alone
        return pieces(continuation, tokenizer)
    text, end = context + continuation, len(context) + len(continuation)
    cuts = sorted({len(context), end, *(start for start, _ in offsets[1:] if start > len(context))})
    return [text[start:stop] for start, stop in pairwise(cuts)]
