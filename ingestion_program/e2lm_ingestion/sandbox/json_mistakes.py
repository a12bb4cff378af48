"""What is wrong with a line that is no JSON, in plain words."""

from __future__ import annotations

import json

_IN_PLAIN_WORDS = {  # messages of Python's json -> what to write
    "Expecting ',' delimiter": "a comma is missing before this place",
    "Expecting ':' delimiter": "a colon is missing between a field's name and its value",
    "Expecting property name enclosed in double quotes": (
        "a field's name in double quotes is missing, or a comma is too many"
    ),
    "Expecting value": "a value is missing, or a text is without double quotes",
    "Extra data": "more text after the item; write each item on a line of its own",
    "Unterminated string starting at": "a text whose closing quotation mark is missing; the file may be cut off",
    "Invalid control character at": "a tab or line break inside a text; write \\t or \\n",
    "Invalid \\escape": "a single backslash in a text; write two",
}
_PYTHON = {"True": "true", "False": "false", "None": "null", "nan": "null"}  # as print() writes them -> as JSON does


def json_mistake(error: json.JSONDecodeError) -> str:
    """What is wrong, with the remedy where the mistake is a common one."""
    at = error.doc[error.pos : error.pos + 1]
    place = (
        f"(character {error.colno})"
        if "\n" not in error.doc.strip()
        else f"(line {error.lineno}, character {error.colno})"
    )
    if at and at in "\u201c\u201d\u201e\u00ab\u2018\u2019":
        return f"a typographic quote {place}; write straight ones"
    if error.msg == "Extra data" and at == ",":
        return f"a comma after the object {place}; leave it out: every line is an object of its own"
    if at == "'":
        return f"a single quote {place}; JSON has double ones: write the file with json.dumps"
    if error.msg == "Extra data" and at == "{":
        return f"a second object begins {place}: write one object on each line"
    if error.doc[: error.pos].rstrip().endswith(",") and at in ("]", "}"):
        return f"a comma before the closing {at} {place}; leave it out"
    if (word := next((one for one in _PYTHON if error.doc.startswith(one, error.pos)), None)) is not None:
        return f"{word} {place}; JSON has {_PYTHON[word]}: write the file with json.dumps"
    if error.msg.startswith("Invalid control character") and at == "\n":
        return f"the line ends within a text {place}: close its quote, and write a line break in a text as \\n"
    if error.msg == "Expecting value" and error.pos == 0 and at:
        return (
            f'no object {place}: an item is an object such as {{"question": "..."}}; a table with commas is a .csv '
            "file, with `dataset_path: csv`"
        )
    if not error.doc[error.pos :].strip() and error.msg.startswith("Expecting"):
        return "it ends too early; a bracket or a brace is not closed"
    return f"{_IN_PLAIN_WORDS.get(error.msg, error.msg)} {place}"
