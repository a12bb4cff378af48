"""One of several processes that ask checkpoints, each on its own device. process_pool.py starts it and never imports
it.

It is deaf to Ctrl-C, which is for the process at the other end: that one closes the line.

Over one line it receives a `WorkerInit` and then `EvalRequest`s; it sends its engine's description, then `EvalResult`
or `EvalFailure` for each, or what ends it: an OrganizerError that concerns all, or `WorkerDied` of an exception.
"""

from __future__ import annotations

import os
import threading
from multiprocessing.connection import Connection
from queue import SimpleQueue

from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.execution.engine_session import EngineSession, EvalRequest, WorkerInit
from e2lm_ingestion.execution.scheduler import WorkerDied


def main(descriptor: int) -> None:
    """Work until the line closes."""
    line = Connection(descriptor)
    init: WorkerInit = line.recv()
    requests: SimpleQueue[EvalRequest] = SimpleQueue()
    threading.Thread(target=_receive, args=(line, requests), daemon=True).start()
    try:
        session = EngineSession(init)
        line.send(session.description)
        while True:
            line.send(session.evaluate(requests.get()))
    except OrganizerError as error:
        line.send(error)
    except Exception as error:  # of whatever kind: the other side says what it was, and starts another process
        line.send(WorkerDied.of(error))
    os._exit(1)  # nothing of what a broken engine would do at exit is worth waiting for


def _receive(line: Connection, requests: SimpleQueue[EvalRequest]) -> None:
    """Pass requests on, and end the process at once, whatever it computes, when the other end is gone."""
    while True:
        try:
            requests.put(line.recv())
        except (EOFError, OSError):
            os._exit(1)
