"""Finds tasks that are accepted and surely not meant so, in templates and where prompts and answers are joined."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from e2lm_ingestion.checks.questions import Finding, some
from e2lm_ingestion.output_types.protocol import Item
from e2lm_ingestion.output_types.questions import is_template
from e2lm_ingestion.output_types.registry import OUTPUT_TYPES
from e2lm_ingestion.task.output_type_rules import RULES
from e2lm_ingestion.task.task import Task

LEAST_ITEMS = 10  # fewer may well be alike
MOST_SHARE = 0.5  # of the items in which answers are joined in an unusual way
_SINGLE_BRACES = re.compile(r"(?<![{$\\\w])\{([A-Za-z_]\w*)\}(?!\})")
_CONTROL = re.compile("[\x07\x08\x0b\x0c\x1b]|\t(?=[a-z]{2})|\r(?!\n)")
_ESCAPES = {"\x07": "\\a", "\x08": "\\b", "\x0b": "\\v", "\x0c": "\\f", "\x1b": "\\e", "\t": "\\t", "\r": "\\r"}
_WHITE_AT_THE_ENDS = ("remove_whitespace", "regex", "multi_choice_regex", "map")


def wording(task: Task, items: Sequence[Item], first: int) -> list[Finding]:
    """All findings of one task; `first` is the number of its first item in the submission."""
    found = [*_single_braces(task), *_control_characters(task)]
    if len(items) >= LEAST_ITEMS:
        found += _alike(task, items)
    found += _positions_as_texts(task, items, first)
    found += _joints(task, items, first)
    found += _generated_spaces(task, items)
    return found


def _templates(task: Task) -> Iterator[tuple[str, str]]:
    for key in ("description", "doc_to_text", "doc_to_choice", "doc_to_target", "gen_prefix"):
        value = getattr(task, key)
        for text in value if isinstance(value, tuple) else [value]:
            if isinstance(text, str):
                yield key, text


def _single_braces(task: Task) -> Iterator[Finding]:
    for key, template in _templates(task):
        if (match := _SINGLE_BRACES.search(template)) is not None and "\\" not in template[: match.start()]:
            yield Finding(
                "single_braces",
                f"{key}: {{{match[1]}}} is printed as it stands; a field is written with two braces: "
                f"{{{{{match[1]}}}}}",
            )
        if key == "doc_to_choice" and isinstance(task.doc_to_choice, tuple) and "{{" in template:
            yield Finding(
                "template_in_list",
                f"doc_to_choice: {template[:40]!r} in a list is printed as it stands; write one template that prints a "
                'list, such as "{{[a, b]}}"',
            )
            return


def _control_characters(task: Task) -> Iterator[Finding]:
    for key, template in _templates(task):
        if (match := _CONTROL.search(template)) is not None:
            written = _ESCAPES[match[0]]
            yield Finding(
                "control_character",
                f"{key}: holds a control character, as YAML makes of {written} in double quotes; write \\{written} "
                "there, or put the text in single quotes or a block (|)",
            )


def _alike(task: Task, items: Sequence[Item]) -> Iterator[Finding]:
    """The same prompt, choices or target for all items."""
    asked = {(item.contexts, item.choices) for item in items}
    many = f"all {len(items):,} items"
    if len(asked) == 1:
        yield Finding("same_items", f"{many} are the same; check that the templates name the fields of the data")
        return
    if RULES[task.output_type].generates and len({item.choices for item in items}) == 1:
        word = items[0].choices[0]
        what = f"doc_to_target: the right answer of {many} is {word[:40]!r}"
        advice = "check that it names a field" if word == task.doc_to_target else "check the template"
        yield Finding("same_target", f"{what}; {advice}")
    if OUTPUT_TYPES[task.output_type].scores_target and len({item.choices for item in items}) == 1:
        yield Finding("same_target", f"doc_to_target: the scored text of {many} is {items[0].choices[0][:40]!r}")
    if (
        OUTPUT_TYPES[task.output_type].has_choices
        and len({item.contexts for item in items}) == 1
        and items[0].contexts[0].strip()
    ):
        advice = "check the fields of the template"
        if "{" not in task.doc_to_text:
            advice = "write a field as {{question}}, and the text in quotes, as YAML leaves out what follows a #"
        yield Finding("same_prompt", f"doc_to_text: {many} have the same prompt; {advice}")


def _positions_as_texts(task: Task, items: Sequence[Item], first: int) -> Iterator[Finding]:
    """Printed digits that are texts of choices too, and letters beside digits: each may be meant in two ways."""
    if not OUTPUT_TYPES[task.output_type].has_choices:
        return
    source = str(task.doc_to_target)
    digits = [i for i, item in enumerate(items) if item.target is not None and item.target.isdecimal()]
    printed = [i for i in digits if is_template(source, str(items[i].target))]
    as_text = [i for i in printed if items[i].target in items[i].choices]
    other = [first + i for i in as_text if items[i].choices.index(str(items[i].target)) not in items[i].gold]
    if other:
        yield Finding(
            "digit_is_a_choice",
            f"doc_to_target prints a digit that is also the text of another choice in {len(other):,} items (items "
            f"{some(other)}): it is read as the choice's number, counted from 0; if the text is meant, write the name "
            "of the field in place of the template",
            tuple(other[:10]),
        )
    letters = [
        i
        for i, item in enumerate(items)
        if item.target is not None
        and len(item.target) == 1
        and item.target.isalpha()
        and item.target not in item.choices
    ]
    if letters and digits and len(as_text) < len(digits):
        yield Finding(
            "letters_and_digits",
            f"doc_to_target is a letter in {len(letters):,} items and a digit in {len(digits):,} (items "
            f"{first + letters[0]}, {first + digits[0]}): letters count from A, digits from 0, so that 1 is the second "
            "choice as B is; write all answers in one way",
            (first + letters[0], first + digits[0]),
        )


def _joints(task: Task, items: Sequence[Item], first: int) -> Iterator[Finding]:
    """Two spaces, none, or a line break and a space where the answer begins."""
    if RULES[task.output_type].generates or not RULES[task.output_type].examples:
        return
    kinds: dict[str, list[int]] = {}
    for i, item in enumerate(items):
        for before, after in item.pairs[:1]:
            if (kind := _joint(before, after)) is not None:
                kinds.setdefault(kind, []).append(first + i)
    advice = {
        "two": "two spaces stand before the answer: models rarely read two; take one off the end of doc_to_text, off "
        'the choices, or write `target_delimiter: ""`',
        "none": 'no space stands between prompt and answer; write `target_delimiter: " "`, unless the script has no '
        "spaces",
        "line": 'a space stands between a line break and the answer; write `target_delimiter: ""`',
    }
    for kind, found in kinds.items():
        if len(found) > MOST_SHARE * len(items):
            yield Finding(f"answer_after_{kind}", f"{advice[kind]} (items {some(found)})", tuple(found[:10]))


def _joint(before: str, after: str) -> str | None:
    if not before or not after:
        return None
    spaces = len(before) - len(before.rstrip(" ")) + len(after) - len(after.lstrip(" "))
    if spaces > 1:
        return "two"
    if spaces == 1 and before.rstrip(" ").endswith("\n"):
        return "line"
    meets = before[-1], after[0]
    if (
        spaces == 0
        and all(one.isascii() for one in meets)
        and (before[-1].isalnum() or before[-1] in ":?.,")
        and (after[0].isalnum())
    ):
        return "none"
    return None


def _generated_spaces(task: Task, items: Sequence[Item]) -> Iterator[Finding]:
    """exact_match on texts with a space before them, which models write after most prompts."""
    if not RULES[task.output_type].generates or task.metric != "exact_match":
        return
    if any(step.function in _WHITE_AT_THE_ENDS for step in task.filters):
        return
    padded = sum(any(choice[:1].isspace() for choice in item.choices) for item in items)
    ended = sum(item.contexts[0][-1:].isspace() for item in items)
    if padded > MOST_SHARE * len(items) or ended > MOST_SHARE * len(items):
        return
    yield Finding(
        "space_before_generation",
        "exact_match compares with the space that a model writes before its answer, so that none is right; add "
        "`filter_list: [{name: words, filter: [{function: remove_whitespace}]}]`",
    )
