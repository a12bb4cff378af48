"""Counts the requests and tokens of a task on one checkpoint.

Encoding all contexts of 15,000 items would take minutes and gigabytes, so a few megabytes of evenly spaced items are
encoded and the totals extrapolated; a small task is counted exactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from e2lm_ingestion.checks.questions import shared_prefix
from e2lm_ingestion.engines.prefix_tree import unique_tokens
from e2lm_ingestion.engines.requests import encode, encode_windows
from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.output_types.protocol import Item
from e2lm_ingestion.output_types.registry import OUTPUT_TYPES
from e2lm_ingestion.suite import Suite, checkpoints_of
from e2lm_ingestion.task.task import Task

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SAMPLE_CHARACTERS = 2_000_000  # characters encoded for the forecast: a second or two on one core
CHARACTERS_PER_TOKEN = 4.0  # of English text with a vocabulary of 32 thousand or more; used without a tokenizer
_UNLIMITED = 1 << 40


@dataclass(frozen=True, slots=True)
class Volume:
    """The requests and tokens of a task for one checkpoint."""

    requests: int
    prompts: int  # distinct inputs: choices of a single token share one
    tokens: int  # of all requests, shared prefixes counted every time
    unique_tokens: int  # the tokens that an engine with a prefix cache computes
    characters_per_token: float
    source: str  # how they were counted, as text
    written_tokens: int = 0  # at most, of all generations


def suite_tokenizer(suite: Suite, root: Path) -> PreTrainedTokenizerBase | None:
    """The tokenizer of the suite's first checkpoint on this machine; None if there is none. Raises OrganizerError."""
    for checkpoint in checkpoints_of(suite, root):
        if (checkpoint.path / "tokenizer.json").is_file():
            from transformers import PreTrainedTokenizerFast  # AutoTokenizer would import torch, for 8 s

            try:
                tokenizer: PreTrainedTokenizerBase = PreTrainedTokenizerFast.from_pretrained(
                    checkpoint.path, local_files_only=True
                )
            except Exception as error:  # the library has no error of its own for a damaged file
                what = " ".join(str(error).split())
                raise OrganizerError(
                    f"{checkpoint.path}/tokenizer.json: not a tokenizer: {what}; fetch it again"
                ) from None
            tokenizer.model_max_length = _UNLIMITED  # it would warn of every long item, on standard error
            return tokenizer
    return None


def volume(
    items: Sequence[Item],
    tokenizer: PreTrainedTokenizerBase | None,
    context_length: int,
    *,
    rolling: bool = False,
    sample_characters: int | None = None,
) -> Volume:
    """Requests and tokens of a task, extrapolated from a sample of its items if it is large.

    `rolling`: every token of a continuation is scored, in as many windows as needed. `sample_characters` limits the
    sample, by default to SAMPLE_CHARACTERS.
    """
    requests = sum(len(item.continuations) for item in items)
    if tokenizer is None:
        return _estimated_volume(items, requests, context_length)
    sample = _sample(items, SAMPLE_CHARACTERS if sample_characters is None else sample_characters)
    if rolling:
        encoded, _ = encode_windows([text for item in sample for text in item.continuations], tokenizer, context_length)
    else:
        encoded = encode([pair for item in sample for pair in item.pairs], tokenizer, context_length)
    shared = len(tokenizer.encode(shared_prefix(sample))) if len(sample) > 1 else 0
    unique = unique_tokens(encoded)
    shared = min(shared, unique, context_length)
    scale = len(items) / len(sample)
    characters = sum(len(context) + len(text) for item in sample for context, text in item.pairs)
    inputs = {encoded.sequence(request)[:-1].tobytes() for request in range(len(encoded))}
    return Volume(
        round(len(encoded) * scale) if rolling else requests,
        round(len(inputs) * scale),
        round(len(encoded.tokens) * scale),
        shared + round((unique - shared) * scale),
        characters / max(1, len(encoded.tokens)),
        "counted" if len(sample) == len(items) else f"estimated from {len(sample):,} items",
    )


def volume_of_task(
    task: Task, tasks: Mapping[str, list[Item]], tokenizer: PreTrainedTokenizerBase | None, context_length: int
) -> Volume:
    """The engine's volume of work: every choice or one generation per item, and unconditional likelihoods if needed.

    `tasks` are the rendered items of each task of a submission, `task` what they have in common.
    """
    output_type = OUTPUT_TYPES[task.output_type]
    asked_items = [[output_type.requested(item) for item in own] for own in tasks.values()]
    asked = volume_of_group(asked_items, tokenizer, context_length, rolling=output_type.windows)
    if output_type.writes:
        most = min(task.generation.max_gen_toks, context_length)
        return replace(asked, written_tokens=most * asked.requests)
    if not task.unconditional or output_type.windows:
        return asked
    alone = tuple(dict.fromkeys(text for own in asked_items for item in own for text in item.continuations))
    return combined([asked, volume([Item(("",), alone, alone, (0,))], tokenizer, context_length)])


def volume_of_group(
    tasks: Sequence[Sequence[Item]],
    tokenizer: PreTrainedTokenizerBase | None,
    context_length: int,
    *,
    rolling: bool = False,
) -> Volume:
    """The volumes of several tasks together; each has examples of its own, which only its items share."""
    total = sum(map(len, tasks))
    volumes = [
        volume(
            items,
            tokenizer,
            context_length,
            rolling=rolling,
            sample_characters=SAMPLE_CHARACTERS * len(items) // total,
        )
        for items in tasks
    ]
    sources = {one.source for one in volumes}
    return replace(
        combined(volumes), source=sources.pop() if len(sources) == 1 else f"estimated from items of {len(tasks)} tasks"
    )


def combined(volumes: Sequence[Volume]) -> Volume:
    """The sum of several volumes, with the source of the first."""
    characters = sum(one.characters_per_token * one.tokens for one in volumes)
    tokens = sum(one.tokens for one in volumes)
    return Volume(
        sum(one.requests for one in volumes),
        sum(one.prompts for one in volumes),
        tokens,
        sum(one.unique_tokens for one in volumes),
        characters / max(1, tokens),
        volumes[0].source,
        sum(one.written_tokens for one in volumes),
    )


def _sample(items: Sequence[Item], budget: int) -> Sequence[Item]:
    """Evenly spaced items with about `budget` characters, at least two, so that what all share is known."""
    characters = sum(longest(item) * len(item.continuations) for item in items)
    wanted = max(min(2, len(items)), min(len(items), int(len(items) * budget / max(1, characters))))
    return items if wanted == len(items) else [items[i * len(items) // wanted] for i in range(wanted)]


def _estimated_volume(items: Sequence[Item], requests: int, context_length: int) -> Volume:
    """From characters alone: the shared head once, each item's own text once, each continuation once."""
    most = int((context_length + 1) * CHARACTERS_PER_TOKEN)
    shared = len(shared_prefix(items))
    characters = sum(min(most, len(context) + len(text)) for item in items for context, text in item.pairs)
    own = sum(sum(map(len, item.contexts)) - shared + sum(map(len, item.continuations)) for item in items)
    unique = min(shared + own, characters)
    return Volume(
        requests,
        sum(_prompts(item) for item in items),
        round(characters / CHARACTERS_PER_TOKEN),
        round(unique / CHARACTERS_PER_TOKEN),
        CHARACTERS_PER_TOKEN,
        f"estimated, {CHARACTERS_PER_TOKEN:g} characters a token: no tokenizer of the suite is on this machine",
    )


def _prompts(item: Item) -> int:
    """Distinct inputs of an item: its choices of one letter or digit are assumed to be single tokens."""
    return len({(context, text if len(text.strip()) > 1 else "") for context, text in item.pairs})


def longest(item: Item) -> int:
    """Characters of the item's longest context and continuation."""
    return max(len(context) + len(continuation) for context, continuation in item.pairs)
