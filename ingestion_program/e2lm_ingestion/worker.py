"""One of several processes that score checkpoints, each on its own device. Started by runners.py, never imported by it.

Over one line it receives a `Job` and then families of checkpoints; it sends its engine's description, then `Answered`
for each checkpoint, or the error that ends it.
"""

from __future__ import annotations

import os
import signal
import threading
from multiprocessing.connection import Connection
from queue import SimpleQueue

from e2lm_ingestion.errors import OrganizerError, SubmissionError
from e2lm_ingestion.runners import Job, OneEngine
from e2lm_ingestion.suite import Checkpoint


def main(descriptor: int) -> None:
    """Work until the line closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process at the other end, which closes the line
    line = Connection(descriptor)
    job: Job = line.recv()
    families: SimpleQueue[list[Checkpoint]] = SimpleQueue()
    threading.Thread(target=_receive, args=(line, families), daemon=True).start()
    try:
        engine = OneEngine(job)
        line.send(engine.description)
        while True:
            for answered in engine.run([families.get()]):
                line.send(answered)
    except (SubmissionError, OrganizerError) as error:
        line.send(error)


def _receive(line: Connection, families: SimpleQueue[list[Checkpoint]]) -> None:
    """Pass families on, and end the process at once, whatever it computes, when the other end is gone."""
    while True:
        try:
            families.put(line.recv())
        except (EOFError, OSError):
            os._exit(1)
