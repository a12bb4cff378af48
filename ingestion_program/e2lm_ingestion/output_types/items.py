"""Submission -> Items: what the model reads and what it is scored on, joined as lm-evaluation-harness joins it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.sandbox.parent import Documents, Rendered, render
from e2lm_ingestion.submission.submission import Submission
from e2lm_ingestion.task.task import Task

MIN_ITEMS = 100
MAX_ITEMS = 15_000
MAX_CHOICES = 100
MAX_CONTEXT = 100_000  # characters; a context of 2,048 tokens holds about a tenth
MAX_TOTAL = 400_000_000  # characters of all contexts: they are held in memory


@dataclass(frozen=True, slots=True)
class Item:
    """One question.

    loglikelihood and loglikelihood_rolling have one choice, the text that is scored. The choices of generate_until are
    the texts that are right.
    """

    contexts: tuple[str, ...]  # few-shot head + question: one, or one for each choice
    continuations: tuple[str, ...]  # as scored, target_delimiter included
    choices: tuple[str, ...]  # the texts without the delimiter: acc_norm divides by their length
    gold: tuple[int, ...]  # the numbers of the right choices
    options: tuple[str, ...] = ()  # the document's `choices`, where a filter looks for them in a written answer

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The context and continuation of each choice."""
        contexts = self.contexts * len(self.continuations) if len(self.contexts) == 1 else self.contexts
        return list(zip(contexts, self.continuations, strict=True))


def build_items(submission: Submission) -> list[Item]:
    """Render 100 to 15,000 items, in the order of the tasks of a group and of the data files.

    A context is description, examples (text, target delimiter, right choice, few-shot delimiter) and the item's own
    text. Raises SubmissionError naming file and line.
    """
    return [item for items in items_by_task(submission).values() for item in items]


def items_by_task(submission: Submission) -> dict[str, list[Item]]:
    """The items of `build_items` by the name of their task."""
    tasks = list(submission.tasks.items())
    rendered = render([_request(task, source, submission.root) for source, task in tasks])
    count = sum(len(one.locations) for one in rendered)
    if not MIN_ITEMS <= count <= MAX_ITEMS:
        name = submission.task.data_files[submission.task.test_split][0]
        raise SubmissionError(f"{name}: {count:,} items; a submission has {MIN_ITEMS} to {MAX_ITEMS:,}")
    total, items = 0, {}
    for (source, task), one in zip(tasks, rendered, strict=True):
        if not one.locations:
            raise SubmissionError(f"{source}: {task.data_files[task.test_split][0]}: no items; fill it or leave it out")
        items[task.task], total = _items(task, one, total)
    return items


def _request(task: Task, source: str, root: Path) -> Documents:
    def files(split: str) -> list[tuple[Path, str]]:
        return [(root / name, name) for name in task.data_files[split]]

    def templates(written: Mapping[str, Any]) -> dict[str, str]:
        return {name: value for name, value in written.items() if isinstance(value, str)}

    asked = templates({key: getattr(task, key) for key in ("doc_to_text", "doc_to_choice", "doc_to_target")})
    own = {key: getattr(task.fewshot_config, key) for key in ("doc_to_text", "doc_to_choice", "doc_to_target")}
    overridden = {key for key, value in own.items() if value is not None}
    if not task.fewshot_config.keeps_choices:
        overridden.add("doc_to_choice")
    of_examples = {key: value for key, value in asked.items() if key not in overridden} | templates(own)
    if any(step.function == "multi_choice_regex" for chain in task.filter_list for step in chain.filter):
        asked["choices"] = "choices"
    split = task.examples_split if task.shots else None
    return Documents(
        test_files=files(task.test_split),
        source=source,
        fewshot_files=None if split == task.test_split else files(split) if split else [],
        samples=(task.fewshot_config.samples or ()) if task.shots else (),
        shots=task.shots,
        sampler=task.fewshot_config.sampler,
        max_items=MAX_ITEMS,
        templates={"description": task.description, **asked},
        fewshot_templates=of_examples,
    )


@dataclass(frozen=True, slots=True)
class _Question:
    """What one document asks; `choices` and `gold` as in Item."""

    text: str  # where every choice has a context of its own, that of the right one
    texts: tuple[str, ...]  # of the choices, where each has its own, else empty
    choices: tuple[str, ...]
    gold: tuple[int, ...]
    answer: str  # the right one, as an example shows it


def _items(task: Task, rendered: Rendered, total: int) -> tuple[list[Item], int]:
    """The items of one task, and the characters of their contexts together with `total`."""
    questions = _questions(task, rendered.test, rendered.locations, _Sources.of_items(task))
    options = rendered.test.get("choices", [()] * len(questions))
    items = []
    for head, question, location, own in zip(
        _heads(task, rendered), questions, rendered.locations, options, strict=True
    ):
        contexts = tuple(head + text for text in question.texts or (question.text,))
        longest = max(map(len, contexts))
        total += sum(map(len, contexts))
        if longest > MAX_CONTEXT or total > MAX_TOTAL:
            raise SubmissionError(
                f"{location}: a prompt of {longest:,} characters, {total:,} with those before; at most "
                f"{MAX_CONTEXT:,} and {MAX_TOTAL:,}: shorten the description or the examples"
            )
        if task.output_type == "loglikelihood_rolling":
            contexts = ("",)
        items.append(Item(contexts, _continuations(task, question), question.choices, question.gold, tuple(own)))
    return items, total


def _continuations(task: Task, question: _Question) -> tuple[str, ...]:
    if task.output_type in ("loglikelihood", "loglikelihood_rolling"):
        return question.choices
    if question.texts:
        return (task.target_delimiter + question.answer,) * len(question.texts)
    return tuple(task.target_delimiter + choice for choice in question.choices)


@dataclass(frozen=True, slots=True)
class _Sources:
    """What the fields of questions were written as in task.yaml."""

    text: str
    choices: str | tuple[str, ...] | None
    target: str | int | tuple[str | int, ...]

    @staticmethod
    def of_items(task: Task) -> _Sources:
        return _Sources(task.doc_to_text, task.doc_to_choice, task.doc_to_target)

    @staticmethod
    def of_examples(task: Task) -> _Sources:
        own = task.fewshot_config
        return _Sources(
            task.doc_to_text if own.doc_to_text is None else own.doc_to_text,
            task.doc_to_choice if own.keeps_choices else own.doc_to_choice,
            task.doc_to_target if own.doc_to_target is None else own.doc_to_target,
        )


def _questions(
    task: Task, columns: Mapping[str, Sequence[Any]], locations: Sequence[str], sources: _Sources
) -> list[_Question]:
    questions = []
    for i, location in enumerate(locations):
        text = columns["doc_to_text"][i]
        target = columns["doc_to_target"][i] if "doc_to_target" in columns else sources.target
        choices = columns["doc_to_choice"][i] if "doc_to_choice" in columns else sources.choices
        if isinstance(text, str) and text.isdecimal() and choices is not None and _is_template(sources.text, text):
            text = int(text[:9])
        if choices is None:
            questions.append(_open_question(task, text, target, location))
        elif isinstance(text, int):
            questions.append(_several_contexts(task, text, tuple(choices), target, location))
        else:
            _check_choices(tuple(choices), location)
            gold = _golds(target, tuple(choices), sources.target, location)
            questions.append(_Question(text, (), tuple(choices), gold, choices[gold[0]]))
        if bool(questions[-1].texts) != bool(questions[0].texts):
            raise SubmissionError(
                f"{location}: doc_to_text is {repr(text)[:40]}: a number says which choice is right for all items or "
                "none"
            )
    if task.output_type == "generate_until":
        questions = [_written(question) for question in questions]
    return questions


def _open_question(task: Task, text: Any, target: Any, location: str) -> _Question:  # noqa: ANN401 (what the file holds)
    """A question without choices. Every target is a right answer of a model that writes; else there is one text."""
    answers = target if isinstance(target, (list, tuple)) else [target]
    if not answers or any(isinstance(one, bool) or not isinstance(one, (str, int, float)) for one in answers):
        raise SubmissionError(f"{location}: doc_to_target is {repr(target)[:60]}; write the right answer as a text")
    texts = tuple(map(str, answers))
    if len(texts) > (MAX_CHOICES if task.output_type == "generate_until" else 1):
        raise SubmissionError(
            f"{location}: doc_to_target is a list of {len(texts)}; {task.output_type} scores one text"
        )
    if not all(texts):
        raise SubmissionError(f"{location}: doc_to_target is empty; write the right answer as a text")
    if not isinstance(text, str):
        raise SubmissionError(f"{location}: doc_to_text is {repr(text)[:40]}, not a text; put it in quotes")
    return _Question(text, (), texts, tuple(range(len(texts))), texts[0])


def _written(question: _Question) -> _Question:
    """The same question for a model that writes: the right choices alone."""
    right = tuple(question.choices[i] for i in question.gold)
    return _Question(question.text, (), right, tuple(range(len(right))), question.answer)


def _several_contexts(task: Task, right: int, choices: tuple[str, ...], target: Any, location: str) -> _Question:  # noqa: ANN401
    """A question whose choices stand in the context and whose continuation is the same for all."""
    if task.output_type != "multiple_choice":
        raise SubmissionError(
            f"{location}: doc_to_text is the number {right}, which lm-evaluation-harness takes for a choice; write "
            "words around it"
        )
    _check_choices(choices, location)
    if not 0 <= right < len(choices):
        raise SubmissionError(
            f"{location}: doc_to_text is {right}, the number of the right choice, but there are {len(choices)} choices "
            f"(0 to {len(choices) - 1})"
        )
    if isinstance(target, bool) or not isinstance(target, (str, int, float)) or not str(target):
        raise SubmissionError(
            f"{location}: doc_to_target is {repr(target)[:60]}; where doc_to_text is the number of the right choice, "
            "it is the text that follows every choice"
        )
    return _Question(choices[right], choices, choices, (right,), str(target))


def _check_choices(choices: tuple[str, ...], location: str) -> None:
    if not 2 <= len(choices) <= MAX_CHOICES:
        raise SubmissionError(f"{location}: {_count(len(choices), 'choice')}; an item has 2 to {MAX_CHOICES}")
    if not all(map(str.strip, choices)):
        empty = next(i for i, choice in enumerate(choices) if not choice.strip())
        raise SubmissionError(
            f"{location}: choice {empty} (counted from 0) is empty; there is nothing to score: fill it in"
        )


def _golds(target: Any, choices: tuple[str, ...], source: Any, location: str) -> tuple[int, ...]:  # noqa: ANN401
    """Numbers of the right choices, each once, in their order."""
    targets = target if isinstance(target, (list, tuple)) else [target]
    if not targets:
        raise SubmissionError(f"{location}: doc_to_target is a list without a right choice; name one or several")
    return tuple(dict.fromkeys(_gold(one, choices, str(source), location) for one in targets))


def _gold(target: Any, choices: tuple[str, ...], source: str, location: str) -> int:  # noqa: ANN401 (what the file holds)
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
            f"{location}: {name} is {str(target)[:20]} but there are {len(choices)} choices (0 to {len(choices) - 1}): "
            "number answers from 0"
        )
    what = "missing" if target is None else repr(target)[:60]
    raise SubmissionError(
        f"{location}: {name} is {what}, which is none of the {len(choices)} choices: write the right choice's number, "
        "counted from 0 and without quotes, or its exact text"
    )


def _is_template(source: str, printed: str) -> bool:
    """Whether the text was rendered; a field's own value stays what the file says, digits or not."""
    return "{" in source or source == printed


def _heads(task: Task, rendered: Rendered) -> list[str]:
    """Description and examples before each item."""
    descriptions = rendered.test["description"]
    if len(descriptions) == 1:
        descriptions = descriptions * len(rendered.locations)
    if not task.shots:
        return descriptions
    questions = _questions(task, rendered.fewshot, rendered.fewshot_locations, _Sources.of_examples(task))
    shown = [_example(task, question) for question in questions]
    if rendered.examples is None:
        head = "".join(shown)
        return [description + head for description in descriptions]
    own = zip(descriptions, rendered.examples, strict=True)
    return [description + "".join(shown[i] for i in examples) for description, examples in own]


def _example(task: Task, question: _Question) -> str:
    own = task.fewshot_config
    before = task.target_delimiter if own.target_delimiter is None else own.target_delimiter
    after = task.fewshot_delimiter if own.fewshot_delimiter is None else own.fewshot_delimiter
    return question.text + before + question.answer + after


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
