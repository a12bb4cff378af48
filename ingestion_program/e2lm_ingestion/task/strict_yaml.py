"""Untrusted YAML -> plain values: no tags, no aliases, no duplicate keys, little nesting, a small file."""

from __future__ import annotations

import re
from typing import Any

import yaml

from e2lm_ingestion.errors import SubmissionError

MAX_CHARACTERS = 100_000
MAX_DEPTH = 20
MAX_NUMBER = 40  # characters; in base 16 or 60 a longer one passes Python's own limit, and then cannot be printed


def read_yaml(text: str, name: str, *, max_characters: int | None = MAX_CHARACTERS) -> Any:  # noqa: ANN401 (what YAML holds)
    """Parse one YAML document made of mappings, lists, texts, numbers, booleans and nulls.

    Raises SubmissionError naming `name` and the line. A file of the organizers' own may be of any size (None).
    """
    if max_characters is not None and len(text) > max_characters:
        raise SubmissionError(
            f"{name}: {len(text):,} characters, at most {max_characters:,}; items belong in a data file"
        )
    try:
        loader = _Loader(text)
        loader.file = name
        value = loader.get_single_data()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        if error.context in _QUOTED and "end of stream" in str(error.problem):
            mark = error.context_mark
        location = f"{name}, line {mark.line + 1}" if mark else name
        raise SubmissionError(f"{location}: not YAML: {_explained(error, text)}") from None
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        raise SubmissionError(f"{name}: not YAML: {' '.join(str(error).split())[:200]}") from None
    _refuse_odd_characters(value, name)
    return value


_TYPOGRAPHIC = "\u201c\u201d\u201e\u00ab\u00bb\u2018\u2019"
_QUOTED = ("while scanning a quoted scalar", "while scanning a double-quoted scalar")
_NO_SPACE = re.compile(r"\s*[a-z_]+:[^\s/]")
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


class _Loader(yaml.SafeLoader):
    """SafeLoader without what a task never needs. Errors are raised while composing, before anything is built."""

    file = ""
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:  # noqa: ANN401
        event = self.peek_event()  # type: ignore[no-untyped-call]
        location = f"{self.file}, line {event.start_mark.line + 1}"
        if isinstance(event, yaml.AliasEvent):
            raise SubmissionError(
                f"{location}: the alias *{event.anchor} is not read; write the value out, or put "
                "a text that begins with * in quotes"
            )
        if event.tag is not None:
            key = f"{_shown(index.value)}: " if isinstance(index, yaml.ScalarNode) else ""
            raise SubmissionError(
                f"{location}: {key}{_shown(event.tag)} {_instead_of(event.tag, str(getattr(index, 'value', '')))}"
            )
        if self.depth == MAX_DEPTH:
            raise SubmissionError(f"{location}: nested more than {MAX_DEPTH} deep; a task needs two or three")
        self.depth += 1
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        if isinstance(node, yaml.ScalarNode) and node.tag in _NUMBERS and len(node.value) > MAX_NUMBER:
            raise SubmissionError(f"{location}: a number has too many digits; put it in quotes if it is a text")
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:  # noqa: ANN401
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            location = f"{self.file}, line {key.start_mark.line + 1}"
            if not isinstance(key, yaml.ScalarNode):
                raise SubmissionError(f'{location}: put the template in quotes, as in "{{{{question}}}}"')
            if key.tag != "tag:yaml.org,2002:str":
                raise SubmissionError(f"{location}: the key {_shown(key.value)} is not a text; put it in quotes")
            if key.value in seen:
                raise SubmissionError(f"{location}: the key {_shown(key.value)} stands twice; keep one")
            seen.add(key.value)
        return node


def _explained(error: yaml.MarkedYAMLError, text: str) -> str:
    """What is wrong and what to write, where the mistake is a common one."""
    problem, lines = " ".join(str(error.problem).split()), text.split("\n")
    line = lines[min(error.problem_mark.line, len(lines) - 1)] if error.problem_mark else ""
    if line.startswith("\t") or "'\\t'" in problem:
        return "a tab stands where the line begins: indent with spaces"
    if set(line) & set(_TYPOGRAPHIC):
        return "a typographic quote: write straight ones, \" or '"
    if error.context in _QUOTED:
        if "end of stream" in problem:
            return "a quote opens here and does not end: write the same quote at the end of the text"
        return f"{problem}: between double quotes a backslash begins an escape; write single quotes, '...', or \\\\"
    near = lines[max(0, error.problem_mark.line - 1) :][:2] if error.problem_mark else []
    if any(_NO_SPACE.match(one) for one in near) and "expected ':'" in problem:
        return "a key without a space after its colon: write `key: value`"
    if "cannot start any token" in problem:
        return f"{problem}; put a text that begins so in quotes"
    if "mapping values are not allowed" in problem:
        return f"{problem}: a colon and a space in a text; put texts with : {{ or # in quotes"
    if "found another document" in problem:
        return "a second document begins with ---: write one task into each file"
    if "expected <block end>" in problem:
        return "indented otherwise than the lines beside it: keys that belong together begin in the same column"
    return f"{problem}; put texts with : {{ or # in quotes"


def _shown(text: str) -> str:
    return f"`{text}`" if text.isprintable() and len(text) <= 60 else repr(text[:60])


_INSTEAD_OF_CODE = {  # by the key
    "aggregation": "leave it out, and name a metric that `e2lm metrics` lists, or write its arithmetic as `expression`",
    "process_results": "leave it out, and name metrics in `metric_list`",
    "process_docs": "leave it out: keep rows with `filter_docs: {field: [values]}`, or change the data file",
    "function": "name a filter, such as `regex` with a `regex_pattern`",
    "class": "write the task with `doc_to_text` and `doc_to_target`",
    "custom_dataset": "leave it out, and write the documents into a data file",
}


def _instead_of(tag: str, key: str) -> str:
    if tag == "!function":
        instead = _INSTEAD_OF_CODE.get(key, 'write a template such as "{{question}}" instead')
        return f"runs code, and nothing of a submission runs; {instead}"
    return "is a YAML tag, and tags are not read; write a plain text, number, list or mapping"


def _refuse_odd_characters(value: Any, name: str) -> None:  # noqa: ANN401 (what YAML holds)
    if isinstance(value, dict):
        for key, inner in value.items():
            _refuse_odd_characters(key, name)
            _refuse_odd_characters(inner, name)
    elif isinstance(value, list):
        for inner in value:
            _refuse_odd_characters(inner, name)
    elif isinstance(value, str) and any(character == "\0" or "\ud800" <= character <= "\udfff" for character in value):
        raise SubmissionError(f"{name}: a text holds \\0 or half a character (\\ud800 to \\udfff); remove it")
