"""One document -> Question: its text, its choices and which are right, as lm-evaluation-harness reads the fields."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from e2lm_ingestion.errors import SubmissionError

MAX_CHOICES = 100
_WHOLE = re.compile(r"\d{1,9}\.0+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Document:
    """The rendered fields of one document, of any type that its file may hold."""

    output_type: str
    location: str  # file and line, for messages
    text: Any
    choices: tuple[Any, ...] | None
    target: Any
    target_source: Any  # doc_to_target as task.yaml has it


@dataclass(frozen=True, slots=True)
class Question:
    """What one document asks; `choices` and `gold` as in Item."""

    text: str  # where every choice has a context of its own, that of the right one
    texts: tuple[str, ...]  # of the choices, where each has its own, else empty
    choices: tuple[str, ...]
    gold: tuple[int, ...]
    answer: str  # the right one, as an example shows it
    target: str | None = None  # what doc_to_target gave, where it is a text


def choice_question(document: Document) -> Question:
    """A question with choices, some of them right."""
    choices = checked_choices(document)
    gold = _golds(document, choices)
    target = document.target if isinstance(document.target, str) else None
    return Question(document.text, (), choices, gold, choices[gold[0]], target)


def open_question(document: Document, most: int = 1) -> Question:
    """A question without choices; its targets, at most so many, are all right."""
    location, text, target = document.location, document.text, document.target
    answers = target if isinstance(target, (list, tuple)) else [target]
    if not answers or any(isinstance(one, bool) or not isinstance(one, (str, int, float)) for one in answers):
        raise SubmissionError(f"{location}: doc_to_target is {repr(target)[:60]}; write the right answer as a text")
    texts = tuple(map(str, answers))
    if len(texts) > most:
        scored = "one text" if most == 1 else f"at most {most} right answers"
        raise SubmissionError(
            f"{location}: doc_to_target is a list of {len(texts)}; {document.output_type} scores {scored}"
        )
    if not all(texts):
        raise SubmissionError(f"{location}: doc_to_target is empty; write the right answer as a text")
    if not isinstance(text, str):
        raise SubmissionError(f"{location}: doc_to_text is {repr(text)[:40]}, not a text; put it in quotes")
    return Question(text, (), texts, tuple(range(len(texts))), texts[0])


def text_question(document: Document, most: int = 1) -> Question:
    """A question with or without choices, which has one context: doc_to_text cannot be the right choice's number."""
    if document.choices is None:
        return open_question(document, most)
    if isinstance(document.text, int):
        raise SubmissionError(
            f"{document.location}: doc_to_text is the number {document.text}, which lm-evaluation-harness takes for a "
            "choice; write words around it"
        )
    return choice_question(document)


def checked_choices(document: Document) -> tuple[str, ...]:
    """The choices. Raises SubmissionError where there are too few or too many, or one is empty."""
    choices, location = document.choices or (), document.location
    if not 2 <= len(choices) <= MAX_CHOICES:
        one = (
            ": with the right text alone, take output_type loglikelihood or generate_until" if len(choices) == 1 else ""
        )
        raise SubmissionError(f"{location}: {_count(len(choices), 'choice')}; an item has 2 to {MAX_CHOICES}{one}")
    if not all(map(str.strip, choices)):
        empty = next(i for i, choice in enumerate(choices) if not choice.strip())
        raise SubmissionError(
            f"{location}: choice {empty} (counted from 0) is empty; there is nothing to score: fill it in"
        )
    return choices


def _golds(document: Document, choices: tuple[str, ...]) -> tuple[int, ...]:
    """Numbers of the right choices, each once, in their order."""
    target = document.target
    targets = target if isinstance(target, (list, tuple)) else [target]
    if not targets:
        raise SubmissionError(
            f"{document.location}: doc_to_target is a list without a right choice; name one or several"
        )
    return tuple(dict.fromkeys(_gold(one, choices, str(document.target_source), document.location) for one in targets))


def _gold(target: Any, choices: tuple[str, ...], source: str, location: str) -> int:  # noqa: ANN401 (what the file holds)
    """Number of the right choice, as lm-evaluation-harness finds it: a number, or a text that is one of the choices.

    A template that prints digits is a number. A single letter that is not the text of a choice counts choices from A.
    """
    name = f"`{source}`" if source.isidentifier() else "doc_to_target"
    if isinstance(target, str):
        if is_template(source, target) and target.isdecimal() and len(target) < 10:
            target = int(target)
        elif target in choices:
            return choices.index(target)
        elif len(target) == 1 and "A" <= target.upper() <= "Z":
            target = ord(target.upper()) - ord("A")
    if isinstance(target, int) and 0 <= target < len(choices):
        return int(target)
    if isinstance(target, int):
        raise SubmissionError(
            f"{location}: {name} is {str(target)[:20]} but there are {len(choices)} choices (0 to {len(choices) - 1}): "
            "number answers from 0"
        )
    what = "missing" if target is None else repr(target)[:60]
    if (isinstance(target, float) and target.is_integer()) or (isinstance(target, str) and _WHOLE.fullmatch(target)):
        raise SubmissionError(
            f"{location}: {name} is {what}, a whole number with a decimal point, as pandas writes a column in which a "
            "cell is empty: fill the cell and write the column with .astype(int)"
        )
    if isinstance(target, str) and source == target and source.isidentifier():
        raise SubmissionError(
            f"{location}: {name} is no field and prints the word {what}, which is none of the choices: write the name "
            "of the field that says which choice is right"
        )
    if isinstance(target, str) and re.fullmatch(r"\{\w+\}", target):
        raise SubmissionError(f"{location}: {name} prints {what}: write a field with two braces, {{{target}}}")
    raise SubmissionError(
        f"{location}: {name} is {what}, which is none of the {len(choices)} choices: write the right choice's number, "
        "counted from 0 and without quotes, or its exact text"
    )


def is_template(source: str, printed: str) -> bool:
    """Whether the text was rendered; a field's own value stays what the file says, digits or not."""
    return "{" in source or source == printed


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
