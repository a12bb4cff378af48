"""The confined process: documents and templates in, rendered texts out. Started by sandbox.py, never imported by it.

Reads one JSON object from standard input, lowers its own limits, and writes JSON lines to standard output:
{"field": name} when it starts on a field, then {"result": ...} or {"error": message}.
"""

from __future__ import annotations

import ast
import json
import re
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import jinja2
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from e2lm_ingestion.documents import Document, read_documents
from e2lm_ingestion.errors import SubmissionError

MAX_TEXT = 100_000  # characters of one rendered text; a context of 2,048 tokens holds about a tenth
_ODD = re.compile("[\0\ud800-\udfff]")


def main() -> None:
    """Render what standard input asks for. Exit code 0 also when the submission is at fault."""
    request = json.loads(sys.stdin.buffer.read())
    _lower_limits(request["limits"])
    try:
        answer: dict[str, Any] = {"result": render(request)}
    except SubmissionError as error:
        answer = {"error": str(error)}
    except MemoryError:
        answer = {"error": "the documents need too much memory; make them smaller"}
    _send(answer)


def _send(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _lower_limits(limits: dict[str, Any]) -> None:
    """From here on this process can take no more processor time and memory than this, and write no file."""
    wanted = {
        resource.RLIMIT_CPU: limits["cpu_seconds"],
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_AS: limits["memory"],
    }
    for kind, value in wanted.items():
        _, hard = resource.getrlimit(kind)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(kind, (value, value))
        except (ValueError, OSError):
            if kind != resource.RLIMIT_AS or sys.platform != "darwin":  # macOS has no such limit
                raise


class _TooSlow(BaseException):
    """Not an Exception, so that no template and no filter can swallow it."""


def _too_slow(signum: int, frame: FrameType | None) -> None:
    raise _TooSlow


@contextmanager
def _timed(seconds: float) -> Iterator[None]:
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def render(request: dict[str, Any]) -> dict[str, Any]:
    """Read the documents and render every field.

    Returns `places` and, under `test` and `fewshot`, a column of values a field; `examples`, the numbers of the
    few-shot documents of each item, when these come from the items' own split, else null.
    """
    signal.signal(signal.SIGPROF, _too_slow)
    _send({"field": "data_files"})
    shots, same_split = request["shots"], request["fewshot_files"] is None
    test = read_documents([(Path(path), name) for path, name in request["test_files"]], request["max_items"])
    pool = test if same_split else read_documents([(Path(p), n) for p, n in request["fewshot_files"]], sys.maxsize)
    if shots > len(pool) - same_split:
        name = (pool or test)[0].place.split(",")[0] if pool or test else "data_files"
        raise SubmissionError(f"{name}: num_fewshot is {shots}, but its split has {len(pool)} documents")
    columns = _Columns(request["limits"])
    templates = request["templates"]
    return {
        "places": [document.place for document in test],
        "fewshot_places": [document.place for document in pool[:shots]] if not same_split else [],
        "test": columns.render(templates, test),
        "fewshot": columns.render(templates, pool[:shots]) if not same_split else {},
        "examples": _examples(test, shots) if same_split else None,
    }


def _examples(documents: list[Document], shots: int) -> list[list[int]]:
    """For each document the first `shots` others that differ from it, as lm-evaluation-harness takes them."""
    chosen = []
    for document in documents:
        own: list[int] = []
        for i, other in enumerate(documents):
            if len(own) == shots:
                break
            if other.fields != document.fields:
                own.append(i)
        if len(own) < shots:
            raise SubmissionError(f"{document.place}: too few documents differ from it to be its {shots} examples")
        chosen.append(own)
    return chosen


class _Columns:
    """Renders fields of documents, counting the characters of all that is rendered."""

    def __init__(self, limits: dict[str, Any]) -> None:
        self._seconds: float = limits["seconds_per_document"]
        self._left: int = limits["characters"]
        self._environment = _environment()

    def render(self, templates: dict[str, str], documents: list[Document]) -> dict[str, list[Any]]:
        """A column a field. A description that is the same everywhere comes back once."""
        return {name: self._column(name, source, documents) for name, source in templates.items()}

    def _column(self, name: str, source: str, documents: list[Document]) -> list[Any]:
        _send({"field": name})
        if not documents:
            return []
        if source in documents[0].fields:
            return [self._checked(name, _field(name, source, document), document) for document in documents]
        compiled = self._compiled(name, source)
        if name == "description" and "{" not in source:
            documents = documents[:1]
        column = []
        for document in documents:
            text = self._text(name, compiled, document)
            value = _list_of(name, text, document) if name == "doc_to_choice" else text
            column.append(self._checked(name, value, document))
        return column

    def _compiled(self, name: str, source: str) -> jinja2.Template:
        try:
            with _timed(self._seconds):
                return self._environment.from_string(source)
        except jinja2.TemplateSyntaxError as error:
            raise SubmissionError(f"task.yaml: {name}, line {error.lineno} of it: {_brief(error)}") from None
        except _TooSlow:
            raise SubmissionError(f"task.yaml: {name}: takes too long to read; simplify it") from None
        except Exception as error:  # what Jinja and Python raise on a template written to break them
            raise SubmissionError(f"task.yaml: {name}: {type(error).__name__}: {_brief(error)}") from None

    def _text(self, name: str, compiled: jinja2.Template, document: Document) -> str:
        place = f"{document.place}: {name}"
        try:
            with _timed(self._seconds):
                return compiled.render(document.fields)
        except _TooSlow:
            raise SubmissionError(
                f"{place}: takes more than {self._seconds:g} s; a template formats, write it so"
            ) from None
        except MemoryError:
            raise SubmissionError(f"{place}: takes too much memory; a template formats, write it so") from None
        except SecurityError as error:
            raise SubmissionError(f"{place}: {_brief(error)}; a template reads fields alone") from None
        except jinja2.UndefinedError as error:
            fields = _brief(", ".join(document.fields))
            raise SubmissionError(f"{place}: {_brief(error)}; the fields are {fields}") from None
        except Exception as error:  # a template can raise whatever Python raises
            raise SubmissionError(f"{place}: {type(error).__name__}: {_brief(error)}") from None

    def _checked(self, name: str, value: Any, document: Document) -> Any:  # noqa: ANN401 (text, number or list)
        """The value itself, once its texts are known to be short enough and to be text."""
        for text in value if isinstance(value, list) else [value]:
            if not isinstance(text, str):
                continue
            self._left -= len(text)
            if len(text) > MAX_TEXT or self._left < 0:
                raise SubmissionError(
                    f"{document.place}: {name}: too much text; at most {MAX_TEXT:,} characters an item"
                )
            if _ODD.search(text):
                raise SubmissionError(f"{document.place}: {name}: prints \\0 or half a character; remove it")
        return value


def _environment() -> ImmutableSandboxedEnvironment:
    """Jinja as lm-evaluation-harness sets it up, without attributes that lead out and without chance."""
    environment = ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined, keep_trailing_newline=True, finalize=_printable
    )
    environment.filters["regex_replace"] = _regex_replace
    del environment.filters["random"], environment.globals["lipsum"]
    return environment


def _regex_replace(string: str, pattern: str, repl: str, count: int = 0) -> str:
    return re.sub(pattern, repl, string, count=count)


def _printable(value: Any) -> Any:  # noqa: ANN401 (any value of a template)
    """Refuse to print what would put "None" or a memory address into a prompt."""
    if value is None:
        raise TypeError("prints a field that is null or missing here; fill it in, or guard it with {% if %}")
    if isinstance(value, (str, int, float, list, tuple, dict, jinja2.Undefined)):
        return value
    kind = "a method; add ()" if isinstance(value, Callable) else "no text; end it with `| list` or `| join`"  # type: ignore[arg-type]
    raise TypeError(f"prints {kind}")


def _field(name: str, field: str, document: Document) -> Any:  # noqa: ANN401 (what the file holds)
    """A field's own value: text for texts, a list of texts for choices, anything scalar for targets."""
    value = document.fields[field]
    if name == "doc_to_choice":
        return _texts(value, f"{document.place}: `{_brief(field)}`")
    if name == "doc_to_target":
        return [] if isinstance(value, (list, dict)) else value
    if not isinstance(value, str):
        raise SubmissionError(
            f"{document.place}: `{_brief(field)}` is {_brief(repr(value))}, not a text; put it in quotes"
        )
    return value


def _list_of(name: str, text: str, document: Document) -> list[str]:
    place = f"{document.place}: {name}"
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise SubmissionError(
            f"{place}: must come out as a list such as ['a', 'b']; it is {_brief(repr(text))}; write {{{{[a, b]}}}} "
            "or the name of a field that holds a list"
        ) from None
    return _texts(value, place)


def _texts(value: Any, place: str) -> list[str]:  # noqa: ANN401 (what the file holds)
    if not isinstance(value, (list, tuple)):
        raise SubmissionError(f"{place}: must be a list of texts; it is {_brief(repr(value))}")
    wrong = next((choice for choice in value if not isinstance(choice, str)), None)
    if wrong is not None or None in value:
        raise SubmissionError(f"{place}: every choice must be a text; {_brief(repr(wrong))} is not: put it in quotes")
    return list(value)


def _brief(value: object) -> str:
    """One line, printable, and short."""
    text = " ".join(str(value).split())
    text = text if text.isprintable() else ascii(text)
    return text if len(text) <= 160 else text[:160] + "..."
