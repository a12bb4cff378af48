"""Child side of the sandbox: lowers its own limits, limits the time for each text, and speaks JSON.

The modules that parent.py starts use it. The request is one JSON object on standard input. Standard output gets a line
{"field": name} when work on a field starts, and a last line {"result": ...} or {"errors": messages}.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from e2lm_ingestion.errors import SubmissionError


def serve(handle: Callable[[dict[str, Any]], Any]) -> None:
    """Answer the request on standard input. The exit code is 0 also for an error in the submission."""
    request = json.loads(sys.stdin.buffer.read())
    _lower_limits(request["limits"])
    signal.signal(signal.SIGPROF, _too_slow)
    try:
        answer: dict[str, Any] = {"result": handle(request)}
    except SubmissionError as error:
        answer = {"errors": list(map(str, error.args))}
    except MemoryError:
        answer = {"errors": ["the documents need too much memory; make them smaller"]}
    _send(answer)


def working_on(field: str) -> None:
    """Tell the parent the field in progress, for its message if this process is ended."""
    _send({"field": field})


def _send(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _lower_limits(limits: dict[str, Any]) -> None:
    """Limit processor time and memory of this process and forbid it to write files."""
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


class TooSlow(BaseException):
    """The time limit has passed. A BaseException, so that no template or filter can catch it."""


def _too_slow(signum: int, frame: FrameType | None) -> None:
    raise TooSlow


@contextmanager
def timed(seconds: float) -> Iterator[None]:
    """Raise TooSlow when the block takes more than `seconds` of processor time."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def brief(value: object) -> str:
    """The value as one printable line of at most 163 characters."""
    text = " ".join(str(value).split())
    text = text if text.isprintable() else ascii(text)
    return text if len(text) <= 160 else text[:160] + "..."
