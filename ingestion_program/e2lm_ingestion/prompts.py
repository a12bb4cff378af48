"""Submission -> Items: what the model reads and what it is scored on, joined as lm-evaluation-harness joins it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.sandbox import Documents, Rendered, render
from e2lm_ingestion.submission import Submission
from e2lm_ingestion.task import Task

MIN_ITEMS = 100
MAX_ITEMS = 15_000
MAX_CHOICES = 100
MAX_CONTEXT = 100_000  # characters; a context of 2,048 tokens holds about a tenth
MAX_TOTAL = 400_000_000  # characters of all contexts: they are held in memory


@dataclass(frozen=True, slots=True)
class Item:
    """One question."""

    context: str  # few-shot head + question, as the model reads it
    continuations: tuple[str, ...]  # as scored, target_delimiter included
    choices: tuple[str, ...]  # the texts without the delimiter: acc_norm divides by their length
    gold: int


@dataclass(frozen=True, slots=True)
class GenerationItem:
    """One question whose answer the model writes."""

    context: str  # few-shot head + question, as the model reads it
    reference: str  # the right answer


def build_items(submission: Submission) -> list[Item]:
    """Render 100 to 15,000 items of a multiple_choice task, in the order of the data files.

    A context is description, examples (text, target delimiter, right choice, few-shot delimiter) and the item's own
    text. Raises SubmissionError naming file and line.
    """
    task = submission.task
    contexts, questions = _rendered(submission, _questions)
    return [
        Item(context, tuple(task.target_delimiter + choice for choice in choices), choices, gold)
        for context, (_, choices, gold) in zip(contexts, questions, strict=True)
    ]


def build_generation_items(submission: Submission) -> list[GenerationItem]:
    """Render 100 to 15,000 items of a generate_until task, likewise."""
    contexts, questions = _rendered(submission, _open_questions)
    return [
        GenerationItem(context, reference) for context, (_, (reference,), _) in zip(contexts, questions, strict=True)
    ]


def _rendered(submission: Submission, read: _Reader) -> tuple[list[str], list[_Question]]:
    """The context of every item, and the item itself."""
    task = submission.task
    rendered = render(_request(submission))
    name = task.data_files[task.test_split][0]
    if not MIN_ITEMS <= len(rendered.places) <= MAX_ITEMS:
        raise SubmissionError(f"{name}: {len(rendered.places):,} items; a submission has {MIN_ITEMS} to {MAX_ITEMS:,}")
    questions = read(task, rendered.test, rendered.places)
    contexts, total = [], 0
    for head, (text, _, _), place in zip(
        _heads(task, rendered, questions, read), questions, rendered.places, strict=True
    ):
        context = head + text
        total += len(context)
        if len(context) > MAX_CONTEXT or total > MAX_TOTAL:
            raise SubmissionError(
                f"{place}: a prompt of {len(context):,} characters, {total:,} with those before; at most "
                f"{MAX_CONTEXT:,} and {MAX_TOTAL:,}: shorten the description or the examples"
            )
        contexts.append(context)
    return contexts, questions


def _request(submission: Submission) -> Documents:
    task, root = submission.task, submission.root

    def files(split: str) -> list[tuple[Path, str]]:
        return [(root / name, name) for name in task.data_files[split]]

    templates: dict[str, str] = {"description": task.description, "doc_to_text": task.doc_to_text}
    if isinstance(task.doc_to_choice, str):
        templates["doc_to_choice"] = task.doc_to_choice
    if isinstance(task.doc_to_target, str):
        templates["doc_to_target"] = task.doc_to_target
    same_split = task.shots > 0 and task.fewshot_split == task.test_split
    fewshot = files(task.fewshot_split) if task.shots and task.fewshot_split else []
    return Documents(files(task.test_split), None if same_split else fewshot, task.shots, MAX_ITEMS, templates)


_Question = tuple[str, tuple[str, ...], int]  # text, choices, gold
_Reader = Callable[[Task, dict[str, list[Any]], list[str]], list[_Question]]


def _open_questions(task: Task, columns: dict[str, list[Any]], places: list[str]) -> list[_Question]:
    """Questions whose only choice is the right answer."""
    questions: list[_Question] = []
    for i, place in enumerate(places):
        target = columns["doc_to_target"][i] if "doc_to_target" in columns else task.doc_to_target
        if isinstance(target, bool) or not isinstance(target, (str, int, float)) or not str(target):
            raise SubmissionError(f"{place}: doc_to_target is {repr(target)[:60]}; write the right answer as a text")
        questions.append((columns["doc_to_text"][i], (str(target),), 0))
    return questions


def _questions(task: Task, columns: dict[str, list[Any]], places: list[str]) -> list[_Question]:
    questions = []
    for i, place in enumerate(places):
        text = columns["doc_to_text"][i]
        if text.isdigit() and _is_template(task.doc_to_text, text):
            raise SubmissionError(
                f"{place}: doc_to_text is the number {text[:20]}, which lm-evaluation-harness takes for a choice; "
                "write words around it"
            )
        choices = tuple(columns["doc_to_choice"][i]) if "doc_to_choice" in columns else task.doc_to_choice
        assert isinstance(choices, tuple)  # a text would have a column
        _check_choices(choices, task.target_delimiter, place)
        target = columns["doc_to_target"][i] if "doc_to_target" in columns else task.doc_to_target
        questions.append((text, choices, _gold(target, choices, str(task.doc_to_target), place)))
    return questions


def _check_choices(choices: tuple[str, ...], delimiter: str, place: str) -> None:
    if not 2 <= len(choices) <= MAX_CHOICES:
        raise SubmissionError(f"{place}: {_count(len(choices), 'choice')}; an item has 2 to {MAX_CHOICES}")
    if not all(map(str.strip, choices)):
        empty = next(i for i, choice in enumerate(choices) if not choice.strip())
        raise SubmissionError(
            f"{place}: choice {empty} (counted from 0) is empty; there is nothing to score: fill it in"
        )


def _gold(target: Any, choices: tuple[str, ...], source: str, place: str) -> int:  # noqa: ANN401 (what the file holds)
    """Number of the right choice, as lm-evaluation-harness finds it: a number, or a text that is one of the choices.

    A template that prints digits is a number. A single letter that is no choice's text counts choices from A.
    """
    name = f"`{source}`" if source.isidentifier() else "doc_to_target"
    if isinstance(target, str):
        if _is_template(source, target) and target.isdecimal() and len(target) < 10:
            target = int(target)
        elif target in choices:
            return choices.index(target)
        elif len(target) == 1 and "A" <= target.upper() <= "Z":
            target = ord(target.upper()) - ord("A")
    if isinstance(target, int) and 0 <= target < len(choices):
        return int(target)
    if isinstance(target, int):
        raise SubmissionError(
            f"{place}: {name} is {str(target)[:20]} but there are {len(choices)} choices (0 to {len(choices) - 1}): "
            "number answers from 0"
        )
    what = {list: "a list", type(None): "missing"}.get(type(target), repr(target)[:60])
    raise SubmissionError(
        f"{place}: {name} is {what}, which is none of the {len(choices)} choices: write the right choice's number, "
        "counted from 0 and without quotes, or its exact text"
    )


def _is_template(source: str, printed: str) -> bool:
    """Whether the text was rendered; a field's own value stays what the file says, digits or not."""
    return "{" in source or source == printed


def _heads(task: Task, rendered: Rendered, questions: list[_Question], read: _Reader) -> list[str]:
    """Description and examples before each item."""
    descriptions = rendered.test["description"]
    if len(descriptions) == 1:
        descriptions = descriptions * len(questions)
    if rendered.examples is not None:
        shown = [_example(task, question) for question in questions]
        own = zip(descriptions, rendered.examples, strict=True)
        return [description + "".join(shown[i] for i in examples) for description, examples in own]
    examples = read(task, rendered.fewshot, rendered.fewshot_places)
    head = "".join(_example(task, question) for question in examples)
    return [description + head for description in descriptions]


def _example(task: Task, question: _Question) -> str:
    text, choices, gold = question
    return text + task.target_delimiter + choices[gold] + task.fewshot_delimiter


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
