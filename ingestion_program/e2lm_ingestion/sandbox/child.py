"""The confined process' own side: low limits, a time limit for each text, one JSON object in and JSON lines out.

Used by the modules that parent.py starts. Standard input holds the request; standard output gets {"field": what} when
work on something starts, and at last {"result": ...} or {"error": message}.
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
    """Answer what standard input asks for. Exit code 0 also when the submission is at fault."""
    request = json.loads(sys.stdin.buffer.read())
    _lower_limits(request["limits"])
    signal.signal(signal.SIGPROF, _too_slow)
    try:
        answer: dict[str, Any] = {"result": handle(request)}
    except SubmissionError as error:
        answer = {"error": str(error)}
    except MemoryError:
        answer = {"error": "the documents need too much memory; make them smaller"}
    _send(answer)


def working_on(field: str) -> None:
    """Say what is worked on, for the message if this process is ended meanwhile."""
    _send({"field": field})


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


class TooSlow(BaseException):
    """Not an Exception, so that no template and no filter can swallow it."""


def _too_slow(signum: int, frame: FrameType | None) -> None:
    raise TooSlow


@contextmanager
def timed(seconds: float) -> Iterator[None]:
    """Raise TooSlow when the block takes more processor time than this."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def brief(value: object) -> str:
    """One line, printable, and short."""
    text = " ".join(str(value).split())
    text = text if text.isprintable() else ascii(text)
    return text if len(text) <= 160 else text[:160] + "..."
