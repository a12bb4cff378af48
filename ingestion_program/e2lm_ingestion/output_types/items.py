"""Submission -> Items: what the model reads and what it is scored on, joined as lm-evaluation-harness joins it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2lm_ingestion.errors import ItemProblems, SubmissionError
from e2lm_ingestion.output_types.protocol import Item
from e2lm_ingestion.output_types.questions import Document, Question, is_template
from e2lm_ingestion.output_types.registry import OUTPUT_TYPES
from e2lm_ingestion.sandbox.parent import Documents, Rendered, render
from e2lm_ingestion.submission.submission import Submission
from e2lm_ingestion.task.task import Task

MIN_ITEMS = 100
MAX_ITEMS = 15_000
MAX_CONTEXT = 100_000  # characters; a context of 2,048 tokens holds about a tenth
# What the items of a submission may have in all, which bounds memory: 15,000 items of four choices with five examples
# have 170 million characters to read with the prompts of MMLU (2,800 characters), and half as many again fit.
MAX_TOTAL = 100_000_000  # characters of all contexts, each once
MAX_READ = 256_000_000  # characters that a model reads: each choice with its context
MAX_ALL_CHOICES = 150_000  # ten for each item


def build_items(submission: Submission) -> list[Item]:
    """Render 100 to 15,000 items, in the order of the tasks of a group and of the data files.

    A context is description, examples (text, target delimiter, right choice, few-shot delimiter) and the item's own
    text. Raises SubmissionError naming file and line.
    """
    return [item for items in items_by_task(submission).values() for item in items]


def items_by_task(submission: Submission, notes: list[str] | None = None) -> dict[str, list[Item]]:
    """The items of `build_items` by the name of their task.

    Fields that `datasets` reads otherwise are added to `notes`, a line each.
    """
    tasks = list(submission.tasks.items())
    rendered = render([_request(task, source, submission.files) for source, task in tasks])
    if notes is not None:
        notes += [line for one in rendered for line in one.differences]
    count = sum(len(one.locations) for one in rendered)
    if not MIN_ITEMS <= count <= MAX_ITEMS:
        name = submission.task.data_files[submission.task.test_split][0]
        do = f"add {MIN_ITEMS - count:,}" if count < MIN_ITEMS else f"leave {count - MAX_ITEMS:,} out"
        raise SubmissionError(f"{name}: {count:,} items; a submission has {MIN_ITEMS} to {MAX_ITEMS:,}: {do}")
    size, items = _Size(), {}
    for (source, task), one in zip(tasks, rendered, strict=True):
        if not one.locations:
            raise SubmissionError(f"{source}: {task.data_files[task.test_split][0]}: no items; fill it or leave it out")
        items[task.task] = _items(task, one, size)
    return items


def _request(task: Task, source: str, known: Mapping[str, Path]) -> Documents:
    def files(split: str) -> list[tuple[Path, str]]:
        return [(known[name], name) for name in task.data_files[split]]

    def templates(written: Mapping[str, Any]) -> dict[str, str]:
        return {name: value for name, value in written.items() if isinstance(value, str)}

    asked = templates({key: getattr(task, key) for key in ("doc_to_text", "doc_to_choice", "doc_to_target")})
    own = {key: getattr(task.fewshot_config, key) for key in ("doc_to_text", "doc_to_choice", "doc_to_target")}
    overridden = {key for key, value in own.items() if value is not None}
    if not task.fewshot_config.keeps_choices:
        overridden.add("doc_to_choice")
    of_examples = {key: value for key, value in asked.items() if key not in overridden} | templates(own)
    prefix_of_examples = task.gen_prefix if task.fewshot_config.gen_prefix is None else task.fewshot_config.gen_prefix
    asked |= {"gen_prefix": task.gen_prefix} if task.gen_prefix else {}
    of_examples |= {"gen_prefix": prefix_of_examples} if prefix_of_examples else {}
    if any(step.function == "multi_choice_regex" for chain in task.filter_list for step in chain.filter):
        asked["choices"] = "choices"
    if task.cluster is not None:
        asked["cluster"] = task.cluster
    split = task.examples_split if task.shots else None
    return Documents(
        test_files=files(task.test_split),
        source=source,
        fewshot_files=None if split == task.test_split else files(split) if split else [],
        kept=task.filter_docs,
        samples=(task.fewshot_config.samples or ()) if task.shots else (),
        shots=task.shots,
        sampler=task.fewshot_config.sampler,
        max_items=MAX_ITEMS,
        templates={"description": task.description, **asked},
        fewshot_templates=of_examples,
    )


class _Size:
    """What the items of a submission have in all."""

    def __init__(self) -> None:
        self._total = self._read = self._choices = 0

    def add(self, location: str, contexts: Sequence[str], continuations: Sequence[str]) -> None:
        """Count an item. Raises SubmissionError, beginning with its location, when the items are too many or long."""
        count = max(len(contexts), len(continuations))
        each = count // len(contexts)
        self._total += sum(map(len, contexts))
        self._read += each * sum(map(len, contexts)) + (count // len(continuations)) * sum(map(len, continuations))
        self._choices += count
        for found, most, what in (
            (self._total, MAX_TOTAL, "characters of prompts"),
            (self._read, MAX_READ, "characters to read, each choice with its prompt"),
            (self._choices, MAX_ALL_CHOICES, "choices"),
        ):
            if found > most:
                raise SubmissionError(
                    f"{location}: {found:,} {what}, with the items before; at most {most:,}: submit fewer items or "
                    "choices, or shorten the description or the examples"
                )


def _items(task: Task, rendered: Rendered, size: _Size) -> list[Item]:
    """The items of one task, counted in `size`."""
    questions = _questions(task, rendered.test, rendered.locations, _Sources.of_items(task))
    options = rendered.test.get("choices", [()] * len(questions))
    prefixes = rendered.test.get("gen_prefix", [""] * len(questions))
    join = OUTPUT_TYPES[task.output_type].join
    items = []
    descriptions = _own_descriptions(rendered, len(questions))
    clusters = rendered.test.get("cluster", [""] * len(questions))
    for head, question, location, own, prefix, description, cluster in zip(
        _heads(task, rendered), questions, rendered.locations, options, prefixes, descriptions, clusters, strict=True
    ):
        before = "" if question.texts else task.target_delimiter
        contexts = tuple(head + _prefixed(text, before, prefix) for text in question.texts or (question.text,))
        longest = max(map(len, contexts))
        if longest > MAX_CONTEXT:
            raise SubmissionError(
                f"{location}: a prompt of {longest:,} characters; at most {MAX_CONTEXT:,}: shorten the description or "
                "the examples"
            )
        contexts, continuations = join(contexts, question, task.target_delimiter)
        size.add(location, contexts, continuations)
        about = {"head": len(head), "description": description, "cluster": str(cluster)}
        items.append(
            Item(contexts, continuations, question.choices, question.gold, question.target, tuple(own), **about)
        )
    return items


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
) -> list[Question]:
    question, questions = OUTPUT_TYPES[task.output_type].question, []
    problems = ItemProblems()
    for i, location in enumerate(locations):
        text = columns["doc_to_text"][i]
        target = columns["doc_to_target"][i] if "doc_to_target" in columns else sources.target
        choices = columns["doc_to_choice"][i] if "doc_to_choice" in columns else sources.choices
        if isinstance(text, str) and text.isdecimal() and choices is not None and is_template(sources.text, text):
            text = int(text[:9])
        own = None if choices is None else tuple(choices)
        try:
            questions.append(question(Document(task.output_type, location, text, own, target, sources.target)))
        except SubmissionError as error:
            problems.add(location, error)
            continue
        if bool(questions[-1].texts) != bool(questions[0].texts):
            raise SubmissionError(
                f"{location}: doc_to_text is {repr(text)[:40]}: a number says which choice is right for all items or "
                "none"
            )
    problems.raise_any()
    return questions


def _own_descriptions(rendered: Rendered, items: int) -> list[str]:
    """The description of each item where they differ, else empty texts."""
    descriptions = rendered.test["description"]
    return descriptions if len(set(descriptions)) > 1 else [""] * items


def _heads(task: Task, rendered: Rendered) -> list[str]:
    """Description and examples before each item."""
    descriptions = rendered.test["description"]
    if len(descriptions) == 1:
        descriptions = descriptions * len(rendered.locations)
    if not task.shots:
        return descriptions
    questions = _questions(task, rendered.fewshot, rendered.fewshot_locations, _Sources.of_examples(task))
    prefixes = rendered.fewshot.get("gen_prefix", [""] * len(questions))
    shown = [_example(task, question, prefix) for question, prefix in zip(questions, prefixes, strict=True)]
    if rendered.examples is None:
        head = "".join(shown)
        return [description + head for description in descriptions]
    own = zip(descriptions, rendered.examples, strict=True)
    return [description + "".join(shown[i] for i in examples) for description, examples in own]


def _example(task: Task, question: Question, prefix: str) -> str:
    own = task.fewshot_config
    before = task.target_delimiter if own.target_delimiter is None else own.target_delimiter
    after = task.fewshot_delimiter if own.fewshot_delimiter is None else own.fewshot_delimiter
    if not prefix:
        return question.text + before + question.answer + after
    return _prefixed(_prefixed(question.text, before, prefix), " ", question.answer) + after


def _prefixed(text: str, delimiter: str, prefix: str) -> str:
    """The text with gen_prefix after it, and the delimiter between the two unless one has white space there."""
    if not text or not prefix or text[-1].isspace() or prefix[0].isspace():
        return text + prefix
    return text + delimiter + prefix
