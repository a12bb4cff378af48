"""Items as the checks see them: an item's own text apart from the description and examples before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from e2lm_ingestion.output_types.protocol import Item


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a participant may want to change; the submission runs all the same."""

    kind: str  # stable, for programs
    message: str  # one line: what, how often, what to do
    items: tuple[int, ...] = ()  # the first ones it is true of, counted from 0 in the order of the data files


@dataclass(frozen=True, slots=True)
class Question:
    """One item; where the model writes the answer, the right one is the only choice."""

    item: int  # its number, from 0
    head: str  # description and examples; one object for all items where it is the same for all
    text: str  # what the item itself asks
    choices: tuple[str, ...]
    gold: tuple[int, ...]  # the numbers of the right choices


def questions_of(items: Sequence[Item], fewshot_delimiter: str, shots: int, first: int = 0) -> list[Question]:
    """Split every context into head and own text; `first` is the number of the first item.

    Where all items have the same examples the head is what all contexts share, up to the last delimiter. Otherwise it
    ends at the last delimiter of each context; a question that holds the delimiter itself then loses its beginning.
    """
    texts = [shared_beginning(item.contexts) for item in items]
    if not shots or not fewshot_delimiter:
        return [Question(first + i, "", texts[i], item.choices, item.gold) for i, item in enumerate(items)]
    shared = shared_prefix(items)
    at = shared.rfind(fewshot_delimiter)
    head = shared[: at + len(fewshot_delimiter)] if shared.count(fewshot_delimiter) >= shots else None
    questions = []
    for i, (item, text) in enumerate(zip(items, texts, strict=True)):
        own = len(head) if head is not None else text.rfind(fewshot_delimiter) + len(fewshot_delimiter)
        before = head if head is not None else text[:own]
        questions.append(Question(first + i, before, text[own:], item.choices, item.gold))
    return questions


def shared_prefix(items: Sequence[Item]) -> str:
    """The longest text that all contexts begin with."""
    return shared_beginning([context for item in items for context in item.contexts])


def shared_beginning(texts: Sequence[str]) -> str:
    """The longest text that all begin with: that of the first and the last in order."""
    first, last = min(texts), max(texts)
    same, most = 0, min(len(first), len(last))
    while same < most and first[same] == last[same]:
        same += 1
    return first[:same]


def normalized(text: str) -> str:
    """Case and spacing aside."""
    return " ".join(text.casefold().split())


def some(items: Sequence[int]) -> str:
    """The first few of a list of item numbers, for a message."""
    return ", ".join(map(str, items[:3])) + (", ..." if len(items) > 3 else "")
