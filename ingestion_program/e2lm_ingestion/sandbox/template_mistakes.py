"""What is wrong with a template, in the words of templates rather than of Python."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection

from e2lm_ingestion.sandbox.child import brief

# A part of the message of Python or Jinja -> what is wrong, and what to write.
_WHILE_PRINTING = (
    (
        r"can only concatenate|unsupported operand|must be str, not|not supported between",
        "`+` and comparisons are of two numbers or two texts",
        "join texts with ~, as in {{a ~ b}}, and make a number of a text with {{a|float}}",
    ),
    (
        r"__\w+__ method|must be (a )?(real )?number|could not convert|invalid literal|bad operand type",
        "a calculation with a value that is no number",
        "make a number of a text with {{a|float}}, or correct the field",
    ),
    (
        r"positional argument|required argument|unexpected keyword|takes (no|exactly|at (most|least))",
        "a filter or a function has a wrong number of values in its parentheses",
        "see the filters of Jinja, or leave the filter out",
    ),
    (
        r"not iterable|not subscriptable|has no len|not a sequence",
        "a list is needed where the value is none",
        "make a list of a text with {{a.split(',')}}, or correct the field",
    ),
    (r"recursion", "it calls itself without end", "write it without the macro"),
    (r"no loader", "templates have no other files", "write the text here"),
    (r"division by zero|modulo by zero", "division by zero", "divide by a field that is never 0"),
)


def printing_mistake(error: Exception) -> str:
    """What is wrong, and what to write, where a template fails with an item's fields."""
    message = str(error)
    for pattern, wrong, remedy in _WHILE_PRINTING:
        if re.search(pattern, message):
            return f"{wrong}; {remedy}"
    return f"{brief(error)}; change the template"


def undefined_mistake(message: str, fields: Collection[str]) -> str:
    """What is wrong where a template names what an item has not, and what the item has."""
    if found := re.fullmatch(r"(?:list|tuple) object has no element (-?\d+)", message):
        return f"the list has no element {found[1]}; its first is 0"
    if found := re.fullmatch(r"'?[\w.]+ object'? has no (?:attribute|element) '?(.{1,60}?)'?", message):
        message = f"the value has no attribute {found[1]!r}"
    return f"{brief(message)}; the fields are {brief(', '.join(fields))}{_meant(message, fields)}"


def reading_advice(message: str, filters: Collection[str], tests: Collection[str]) -> str:
    """What to write where a template cannot be read."""
    if message.startswith(("No filter named", "No test named")):
        known = filters if "filter" in message else tests
        near = difflib.get_close_matches(message.split("'")[1][:60], known, n=1)
        return f" (did you mean {near[0]}?)" if near else "; leave it out, or write the text in the data"
    return "; a field is written as {{question}}, a condition as {% if a %}...{% endif %}"


def _meant(message: str, fields: Collection[str]) -> str:
    """The field that an undefined name resembles."""
    name = message.split("'")[1] if message.count("'") > 1 else ""
    known = {field.lower(): field for field in fields if field.isprintable()}
    near = difflib.get_close_matches(name[:60].lower().replace("_", ""), known, n=1)
    near = near or difflib.get_close_matches(name[:60].lower(), known, n=1)
    if not near:
        return ""
    field = known[near[0]][:60]
    return f" (did you mean {field}?)" if field == field.strip() else f" (it is {field!r}, with a space: remove that)"
