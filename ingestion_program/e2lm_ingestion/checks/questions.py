"""Items as input of the checks: the item's own text is separated from the description and examples before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from e2lm_ingestion.output_types.protocol import Item


@dataclass(frozen=True, slots=True)
class Finding:
    """A quality warning for the participant; the submission runs nevertheless."""

    kind: str  # stable identifier for programs
    message: str  # one line: what, how often, what to do
    items: tuple[int, ...] = ()  # the first items affected, counted from 0 in the order of the data files


@dataclass(frozen=True, slots=True)
class Question:
    """One item; in a generation task the right answer is the only choice."""

    item: int  # its number, from 0
    head: str  # description and examples; one object for all items where it is the same for all
    text: str  # the item's own part of the prompt
    choices: tuple[str, ...]
    gold: tuple[int, ...]  # indices of the right choices


def questions_of(items: Sequence[Item], fewshot_delimiter: str, shots: int, first: int = 0) -> list[Question]:
    """Split every context into head and own text; `first` is the number of the first item.

    If all items have the same examples, the head is the shared prefix of all contexts up to its last delimiter.
    Otherwise the head ends at the last delimiter of each context; a question that contains the delimiter is then cut.
    """
    texts = [shared_beginning(item.contexts) for item in items]
    if not shots or not fewshot_delimiter:
        return [Question(first + i, "", texts[i], item.choices, item.gold) for i, item in enumerate(items)]
    shared = shared_prefix(items)
    end = shared.rfind(fewshot_delimiter)
    head = shared[: end + len(fewshot_delimiter)] if shared.count(fewshot_delimiter) >= shots else None
    questions = []
    for i, (item, text) in enumerate(zip(items, texts, strict=True)):
        own = len(head) if head is not None else text.rfind(fewshot_delimiter) + len(fewshot_delimiter)
        before = head if head is not None else text[:own]
        questions.append(Question(first + i, before, text[own:], item.choices, item.gold))
    return questions


def shared_prefix(items: Sequence[Item]) -> str:
    """The longest common prefix of all contexts."""
    return shared_beginning([context for item in items for context in item.contexts])


def shared_beginning(texts: Sequence[str]) -> str:
    """The longest common prefix of the texts, which is that of the smallest and the largest in sorting order."""
    first, last = min(texts), max(texts)
    same, most = 0, min(len(first), len(last))
    while same < most and first[same] == last[same]:
        same += 1
    return first[:same]


def normalized(text: str) -> str:
    """The text in case-folded form with single spaces, for comparisons that ignore case and spacing."""
    return " ".join(text.casefold().split())


def some(items: Sequence[int]) -> str:
    """The first three item numbers as a text for a message."""
    return ", ".join(map(str, items[:3])) + (", ..." if len(items) > 3 else "")
