"""Renders templates on documents. parent.py runs this module in the sandbox; no module imports it."""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import jinja2
from jinja2 import meta
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from e2lm_ingestion.errors import ItemProblems, Problems, SubmissionError
from e2lm_ingestion.sandbox.child import TooSlow, brief, serve, timed, working_on
from e2lm_ingestion.sandbox.differences import differences
from e2lm_ingestion.sandbox.documents import Document, Wanted
from e2lm_ingestion.sandbox.kept_rows import KeptRows
from e2lm_ingestion.sandbox.template_mistakes import printing_mistake, reading_advice, undefined_mistake

MAX_TEXT = 100_000  # characters of one rendered text; a context of 2,048 tokens holds about a tenth
FEWSHOT_SEED = 1234  # the default seed of lm-evaluation-harness' sampler
_ADJACENT = re.compile(r"""['"]\s+['"]""")
_ADDRESS = re.compile(r"<[^<>]{1,200} at 0x[0-9a-f]{4,}>|<class '[\w.]+'>|&lt;[^&]{1,200} at 0x[0-9a-f]{4,}&gt;")
_NUMPY_LIST = (
    "a list without commas between its texts, as numpy prints ['a' 'b']: write lists as JSON does, with "
    "df.to_json(..., orient='records', lines=True)"
)
_FORBIDDEN = re.compile("[\0\ud800-\udfff]")


def main() -> None:
    """Render the request on standard input."""
    serve(render)


def render(request: dict[str, Any]) -> list[dict[str, Any]]:
    """Read the documents of every task and render every field; see `Rendered` in parent.py."""
    columns = _Columns(request["limits"])
    rendered, problems = [], Problems()
    for task in request["tasks"]:
        with problems.gathering():
            rendered.append(_task(task, columns))
    problems.raise_any()
    return rendered


def _task(task: dict[str, Any], columns: _Columns) -> dict[str, Any]:
    source, shots = task["source"], task["shots"]
    working_on(f"{source}: data_files")
    same_split = task["fewshot_files"] is None
    kept = KeptRows(task["kept"], source)
    used_fields = columns.fields([*task["templates"].values(), *task["fewshot_templates"].values()])
    wanted = Wanted(None if used_fields is None else used_fields | kept.fields, same_split)
    files = [(Path(path), name) for path, name in task["test_files"]]
    test = kept.items(files, task["max_items"], wanted)
    pool = test if same_split else _pool(task, wanted, kept)
    if shots > len(pool) - same_split:
        name = (pool or test)[0].location.split(",")[0] if pool or test else "data_files"
        raise SubmissionError(
            f"{name}: num_fewshot is {shots}, but its split has {len(pool)} documents: lower it, or add examples"
        )
    examples = _examples(task["sampler"], test, pool, shots, same_split)
    used = range(shots) if examples is None else sorted({i for own in examples for i in own})
    index_of = {number: i for i, number in enumerate(used)}
    shown = [pool[i] for i in used]
    problems = Problems()
    with problems.gathering():
        rendered = columns.render(source, task["templates"], test)
    with problems.gathering():
        rendered_examples = columns.render(source, task["fewshot_templates"], shown)
    problems.raise_any()
    return {
        "locations": [document.location for document in test],
        "fewshot_locations": [document.location for document in shown],
        "test": rendered,
        "fewshot": rendered_examples,
        "differences": differences(test, wanted),
        "examples": None if examples is None else [[index_of[i] for i in own] for own in examples],
    }


def _pool(task: dict[str, Any], wanted: Wanted, kept: KeptRows) -> list[Document]:
    """The documents that examples are chosen from."""
    if task["samples"]:
        fields = dict.fromkeys(key for sample in task["samples"] for key in sample)
        return [
            Document({key: sample.get(key) for key in fields}, f"{task['source']}: fewshot_config.samples.{i}")
            for i, sample in enumerate(task["samples"])
        ]
    return kept.of([(Path(path), name) for path, name in task["fewshot_files"]], wanted)


def _examples(
    sampler: str, test: list[Document], pool: list[Document], shots: int, same_split: bool
) -> list[list[int]] | None:
    """Indices into `pool` of each item's examples, chosen as in lm-evaluation-harness; None: the first for every item.

    If the examples come from the items' own split, an item's examples never include a document that equals it.
    """
    if not shots or (sampler == "first_n" and not same_split):
        return None
    if sampler == "first_n":
        return [_first_others(document, pool, shots) for document in test]
    random = Random(FEWSHOT_SEED)
    every = range(len(pool))
    chosen = []
    for document in test:
        own = random.sample(every, shots + 1 if same_split else shots)
        if same_split:
            own = [i for i in own if pool[i].fields != document.fields][:shots]
        if len(own) < shots:
            others = [i for i in every if pool[i].fields != document.fields]
            if len(others) < shots:
                raise _too_few(document, shots)
            own = random.sample(others, shots)
        chosen.append(own)
    return chosen


def _first_others(document: Document, pool: Sequence[Document], shots: int) -> list[int]:
    own: list[int] = []
    for i, other in enumerate(pool):
        if len(own) == shots:
            break
        if other.fields != document.fields:
            own.append(i)
    if len(own) < shots:
        raise _too_few(document, shots)
    return own


def _too_few(document: Document, shots: int) -> SubmissionError:
    return SubmissionError(f"{document.location}: too few documents differ from it to be its {shots} examples")


class _Columns:
    """Renders columns and counts all characters rendered, to enforce the limit."""

    def __init__(self, limits: dict[str, Any]) -> None:
        self._seconds: float = limits["seconds_per_document"]
        self._characters_left: int = limits["characters"]
        self._environment = _environment()

    def render(self, source: str, templates: dict[str, str], documents: list[Document]) -> dict[str, list[Any]]:
        """One column per template. `source` names the task's file. A constant description is rendered only once."""
        rendered, problems = {}, Problems()
        for name, template in templates.items():
            with problems.gathering():
                rendered[name] = self._column(source, name, template, documents)
        problems.raise_any()
        return rendered

    def fields(self, templates: Sequence[str]) -> frozenset[str] | None:
        """The fields that the templates read; None where one cannot be parsed, which rendering it reports."""
        names = set(templates)
        for template in (template for template in templates if "{" in template):
            try:
                with timed(self._seconds):
                    names |= meta.find_undeclared_variables(self._environment.parse(template))
            except (Exception, TooSlow):  # a hostile template can make Jinja or Python raise any exception
                return None
        return frozenset(names)

    def _column(self, source: str, name: str, template: str, documents: list[Document]) -> list[Any]:
        location = f"{source}: {name}"
        working_on(location)
        if not documents:
            return []
        if name == "cluster" and template not in documents[0].fields:
            fields = brief(", ".join(documents[0].fields))
            raise SubmissionError(
                f"{source}: metadata: cluster: the data have no field {brief(repr(template))}; the fields are {fields}"
            )
        if template in documents[0].fields:
            return self._values(
                documents, lambda document: self._checked(name, _field(name, template, document), document)
            )
        compiled, read = self._compiled(location, template), self.fields([template]) or frozenset()
        if name == "description" and "{" not in template:
            documents = documents[:1]

        def rendered(document: Document) -> Any:  # noqa: ANN401 (text or list)
            text = self._text(name, compiled, read, document)
            return self._checked(name, _LISTS.get(name, _unchanged)(name, text, document), document)

        return self._values(documents, rendered)

    def _values(self, documents: list[Document], value_of: Callable[[Document], Any]) -> list[Any]:
        """The value of every document. Raises SubmissionError with the problems of all of them."""
        values, problems = [], ItemProblems()
        for document in documents:
            try:
                values.append(value_of(document))
            except _TooMuchError:
                raise
            except SubmissionError as error:
                problems.add(document.location, error)
        problems.raise_any()
        return values

    def _compiled(self, location: str, template: str) -> jinja2.Template:
        try:
            with timed(self._seconds):
                return self._environment.from_string(template)
        except jinja2.TemplateSyntaxError as error:
            advice = reading_advice(str(error), self._environment.filters, self._environment.tests)
            raise SubmissionError(
                f"{location}, line {error.lineno} of the template: {brief(error).rstrip('.')}{advice}"
            ) from None
        except TooSlow:
            raise SubmissionError(f"{location}: takes too long to read; simplify it") from None
        except Exception as error:  # a hostile template can make Jinja or Python raise any exception
            raise SubmissionError(f"{location}: {type(error).__name__}: {brief(error)}") from None

    def _text(self, name: str, compiled: jinja2.Template, read: frozenset[str], document: Document) -> str:
        location = f"{document.location}: {name}"
        try:
            with timed(self._seconds):
                text = compiled.render(document.fields)
                _refuse_addresses(text, document)
                return text
        except TooSlow:
            raise _TooMuchError(f"{location}: takes more than {self._seconds:g} s; simplify the template") from None
        except MemoryError:
            raise _TooMuchError(f"{location}: takes too much memory; simplify the template") from None
        except SecurityError as error:
            raise SubmissionError(f"{location}: {brief(error)}; a template may only read fields") from None
        except _EmptyFieldError as error:
            empty = [field for field in document.fields if field in read and document.fields[field] is None]
            which, test = (brief(", ".join(empty)), f" {empty[0]}") if empty else ("it", "")
            do = f"fill in {which}, or guard it with {{% if{test[:60]} %}}"
            raise SubmissionError(f"{location}: {error}; {do}") from None
        except _UnprintableError as error:
            raise SubmissionError(f"{location}: {error}") from None
        except jinja2.UndefinedError as error:
            raise SubmissionError(f"{location}: {undefined_mistake(str(error), document.fields)}") from None
        except Exception as error:  # a template can raise any exception
            raise SubmissionError(f"{location}: cannot be printed: {printing_mistake(error)}") from None

    def _checked(self, name: str, value: Any, document: Document) -> Any:  # noqa: ANN401 (text, number or list)
        """Return the value after checking that its texts are within the limits and have no forbidden characters."""
        for text in value if isinstance(value, list) else [value]:
            if not isinstance(text, str):
                continue
            self._characters_left -= len(text)
            if len(text) > MAX_TEXT or self._characters_left < 0:
                raise _TooMuchError(
                    f"{document.location}: {name}: too much text; at most {MAX_TEXT:,} characters an item"
                )
            if _FORBIDDEN.search(text):
                raise SubmissionError(f"{document.location}: {name}: prints \\0 or half a character; remove it")
        return value


def _environment() -> ImmutableSandboxedEnvironment:
    """Jinja set up as in lm-evaluation-harness, but sandboxed and without random functions."""
    environment = ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined, keep_trailing_newline=True, finalize=_printable
    )
    environment.filters["regex_replace"] = _regex_replace
    del environment.filters["random"], environment.globals["lipsum"]
    return environment


class _TooMuchError(SubmissionError):
    """An item took so much time, memory or text that the others are not tried."""


class _UnprintableError(Exception):
    """A template prints a value that must not appear in a prompt."""


class _EmptyFieldError(_UnprintableError):
    """A template prints None, which in documents is an empty field."""

    def __init__(self) -> None:
        super().__init__("prints a field that is null or missing here")


def _regex_replace(string: str, pattern: str, repl: str, count: int = 0) -> str:
    return re.sub(pattern, repl, string, count=count)


def _refuse_undefined(values: Sequence[Any]) -> None:
    """Raise the error of a name of no field, or of an attribute that is denied, at any depth of a list."""
    for one in values:
        if isinstance(one, jinja2.Undefined) and (
            one._undefined_obj is jinja2.utils.missing or one._undefined_exception is SecurityError
        ):
            str(one)
        if isinstance(one, (list, tuple)):
            _refuse_undefined(one)


def _refuse_addresses(text: str, document: Document) -> None:
    """Refuse the name and address of an object inside another value, which no two runs print alike."""
    found = _ADDRESS.search(text)
    if found and not any(found.group() in str(value) for value in document.fields.values()):
        raise _UnprintableError(
            "prints a method or a class, inside a list or made a text; write the field's name alone"
        )


def _printable(value: Any) -> Any:  # noqa: ANN401 (any value of a template)
    """Refuse values that would print as "None" or a memory address in a prompt."""
    if value is None:
        raise _EmptyFieldError
    if isinstance(value, (list, tuple)):
        _refuse_undefined(value)
        return value
    if isinstance(value, (str, int, float, dict, jinja2.Undefined)):
        return value
    kind = "a method; add ()" if isinstance(value, Callable) else "a value without a text; add `| list` or `| join`"  # type: ignore[arg-type]
    raise _UnprintableError(f"prints {kind}")


def _field(name: str, field: str, document: Document) -> Any:  # noqa: ANN401 (any JSON value)
    """The value of a field for a column.

    Choices are a list of texts, targets any value or a list of scalars, doc_to_text a text or whole number, other
    columns a text.
    """
    value = document.fields[field]
    if name in ("doc_to_choice", "choices"):
        return _texts(value, f"{document.location}: `{brief(field)}`")
    if name == "cluster" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if name == "doc_to_target":
        return _scalars(value) if isinstance(value, (list, dict)) else value
    if isinstance(value, bool) or not isinstance(value, (str, int) if name == "doc_to_text" else str):
        raise SubmissionError(
            f"{document.location}: `{brief(field)}` is {brief(json.dumps(value))}, not a text; write a text into "
            f"the data, or the template {{{{{brief(field)}}}}} into task.yaml"
        )
    return value


def _unchanged(name: str, text: str, document: Document) -> str:
    return text


def _list_of(name: str, text: str, document: Document) -> list[str]:
    location = f"{document.location}: {name}"
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        mark = next((mark for mark in (" | ", "|", "\n", "; ", ";") if mark in text.strip()), None)
        field = next((field for field, value in document.fields.items() if value == text), None)
        split = f"{{{{{field}.split({mark!r})}}}}, " if mark and field and field.isidentifier() else ""
        raise SubmissionError(
            f"{location}: must render as a list such as ['a', 'b'], but renders as {brief(repr(text))}; write "
            f"{split}{{{{[a, b]}}}} or the name of a field that holds a list"
        ) from None
    if _ADJACENT.search(text) and _joins_texts(text):
        raise SubmissionError(f"{location}: {_NUMPY_LIST}")
    return _texts(value, location)


def _joins_texts(text: str) -> bool:
    """Whether two texts stand beside each other, which Python reads as one."""
    try:
        kinds = [token.type for token in tokenize.generate_tokens(io.StringIO(text).readline)]
    except (tokenize.TokenError, SyntaxError):
        return False
    kinds = [kind for kind in kinds if kind not in (tokenize.NL, tokenize.NEWLINE)]
    return any(one == other == tokenize.STRING for one, other in pairwise(kinds))


def _text_or_list(name: str, text: str, document: Document) -> str | list[str | int]:
    """The text, or a list of several right answers if the text is one."""
    if not (text.startswith("[") and text.endswith("]")):
        return text
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text
    return _scalars(value)


_LISTS: dict[str, Callable[[str, str, Document], Any]] = {"doc_to_choice": _list_of, "doc_to_target": _text_or_list}


def _scalars(value: Any) -> list[str | int]:  # noqa: ANN401 (any JSON value)
    """The value if it is a list of texts and whole numbers, else an empty list, which is refused later."""
    plain = isinstance(value, list) and all(isinstance(one, (str, int)) and not isinstance(one, bool) for one in value)
    return value if plain else []


def _texts(value: Any, location: str) -> list[str]:  # noqa: ANN401 (any JSON value)
    if not isinstance(value, (list, tuple)):
        if isinstance(value, str) and value.lstrip().startswith("["):
            if _joins_texts(value):
                raise SubmissionError(f"{location}: {_NUMPY_LIST}")
            name = location.split("`")[1] if location.count("`") > 1 else "field"
            raise SubmissionError(
                f'{location}: a text that prints a list; write "{{{{{name}}}}}" to read the list in it'
            )
        held = [key for key in value if isinstance(value[key], list)] if isinstance(value, dict) else []
        inner = f"; name the list in it, as in {{{{FIELD.{held[0]}}}}}" if held and held[0].isidentifier() else ""
        raise SubmissionError(f"{location}: must be a list of texts; it is {brief(repr(value))}{inner}")
    wrong = next((choice for choice in value if not isinstance(choice, str)), None)
    if None in value:
        raise SubmissionError(
            f"{location}: choice {value.index(None)} (counted from 0) is null, an empty cell: fill it in; where items "
            "have fewer choices, write {{[a, b, c] | select | list}}, which leaves empty ones out"
        )
    if wrong is not None:
        raise SubmissionError(
            f"{location}: every choice must be a text; {brief(repr(wrong))} is not; write it as a text in the data, or "
            "{{[a, b] | map('string') | list}} in task.yaml"
        )
    return list(value)
