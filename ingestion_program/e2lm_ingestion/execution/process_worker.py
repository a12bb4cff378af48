"""A worker process: one engine on one device. process_pool.py starts it and never imports it.

The worker ignores Ctrl-C: the parent handles it and closes the connection.

The worker receives a `WorkerInit` and then `EvalRequest`s. It sends its engine's description, then an `EvalResult` or
`EvalFailure` for each request. Before it ends because of an error it sends an OrganizerError, which affects every
worker, or a `WorkerDied` with the exception.
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
    """Answer requests until the connection closes."""
    connection = Connection(descriptor)
    init: WorkerInit = connection.recv()
    requests: SimpleQueue[EvalRequest] = SimpleQueue()
    threading.Thread(target=_receive, args=(connection, requests), daemon=True).start()
    try:
        session = EngineSession(init)
        connection.send(session.description)
        while True:
            connection.send(session.evaluate(requests.get()))
    except OrganizerError as error:
        connection.send(error)
    except Exception as error:  # of any kind: the parent logs it and starts another process
        connection.send(WorkerDied.of(error))
    os._exit(1)  # skip the exit handlers of a broken engine, which may hang


def _receive(connection: Connection, requests: SimpleQueue[EvalRequest]) -> None:
    """Queue requests; end the process at once, even in the middle of an evaluation, when the parent is gone."""
    while True:
        try:
            requests.put(connection.recv())
        except (EOFError, OSError):
            os._exit(1)
