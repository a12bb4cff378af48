"""One of several processes that ask checkpoints, each on its own device. Started by runners.py, never imported by it.

It is deaf to Ctrl-C, which is for the process at the other end: that one closes the line.

Over one line it receives a `Job` and then `Question`s; it sends its engine's description, then `Answered` or `Failed`
for each, or what ends it: an OrganizerError that concerns all, or `Died` of an exception.
"""

from __future__ import annotations

import os
import threading
from multiprocessing.connection import Connection
from queue import SimpleQueue

from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.one_engine import Job, OneEngine, Question
from e2lm_ingestion.scheduling import Died


def main(descriptor: int) -> None:
    """Work until the line closes."""
    line = Connection(descriptor)
    job: Job = line.recv()
    questions: SimpleQueue[Question] = SimpleQueue()
    threading.Thread(target=_receive, args=(line, questions), daemon=True).start()
    try:
        engine = OneEngine(job)
        line.send(engine.description)
        while True:
            line.send(engine.ask(questions.get()))
    except OrganizerError as error:
        line.send(error)
    except Exception as error:  # of whatever kind: the other side says what it was, and starts another process
        line.send(Died.of(error))
    os._exit(1)  # nothing of what a broken engine would do at exit is worth waiting for


def _receive(line: Connection, questions: SimpleQueue[Question]) -> None:
    """Pass questions on, and end the process at once, whatever it computes, when the other end is gone."""
    while True:
        try:
            questions.put(line.recv())
        except (EOFError, OSError):
            os._exit(1)
