"""What a run on a platform shows to participants, and what it keeps for organizers.

The platform shows everything that the program prints to the owner of the submission. Once a model was asked, a message
may depend on its answers: an error that names an item, a value or a checkpoint would tell about models that are held
back, at the price of a submission that failed and is free. From then on participants read counts at fixed times, the
total time and, after a failure, one of two fixed sentences. What every process prints goes to the organizers' file.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

TICK = 300.0  # seconds between two lines of progress: many checkpoints of one run, or all of them
WITHHELD = (
    "the run on the models failed; the reason is kept for the organizers, because it may depend on the answers of "
    "models that are held back. `e2lm run` shows it to you on the models that you have; if it succeeds there, ask the "
    "organizers"
)


class PlatformLog:
    """The output of one run: lines for participants on the program's standard output and error, the rest in a file."""

    def __init__(self, organizers: Path, *, reveals_all: bool = False) -> None:
        """`organizers` is a file that participants cannot read; with `reveals_all`, everything is shown as well."""
        self._organizers, self._reveals_all = organizers, reveals_all
        self._shown: dict[int, int] = {}  # the program's own standard output and error, while others write to the file
        self._done, self._total, self._begun = 0, 0, time.perf_counter()
        self.asked = False  # whether a model was asked, so that messages may depend on its answers

    def say(self, line: str, *, error: bool = False) -> None:
        """Show a line to participants, and keep it for the organizers."""
        stream = sys.stderr if error else sys.stdout
        number = self._shown.get(2 if error else 1)
        if number is None:
            print(line, file=stream, flush=True)
        else:
            os.write(number, f"{line}\n".encode(errors="replace"))
            self.keep(line)

    def fail(self, reason: str, *, fixed: str = WITHHELD) -> None:
        """Show why the run ended and keep it for the organizers; once a model was asked, show a `fixed` sentence."""
        if self.asked and not self._reveals_all:
            self.say(f"error: {fixed}", error=True)
            self.keep(f"error: {reason}")
        else:
            self.say(f"error: {reason}", error=True)

    def keep(self, line: str) -> None:
        """Write a line to the organizers' file, and show it if everything is shown."""
        with suppress(OSError):  # a full disk ends the run where results are written, with a message of its own
            if self._shown:
                os.write(1, f"{line}\n".encode(errors="replace"))
            elif self._reveals_all:
                print(line, flush=True)
            else:
                with self._organizers.open("a", encoding="utf-8") as file:
                    file.write(line + "\n")

    def models_are_asked(self) -> None:
        """From now on, messages may depend on the answers of models."""
        self.asked = True

    def count(self, done: int, total: int) -> None:
        """Take note of how many checkpoints are done."""
        self._done, self._total = done, total

    @contextmanager
    def others_kept(self) -> Iterator[None]:
        """Send what this process and those that it starts print to the organizers' file; show the progress at times."""
        if self._reveals_all:
            yield
            return
        sys.stdout.flush()
        sys.stderr.flush()
        file = os.open(self._organizers, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._shown = {number: os.dup(number) for number in (1, 2)}
        for number in self._shown:
            os.dup2(file, number)
        os.close(file)
        ended = threading.Event()
        threading.Thread(target=self._tick, args=(ended,), daemon=True).start()
        try:
            yield
        finally:
            ended.set()
            with suppress(OSError):
                sys.stdout.flush()
                sys.stderr.flush()
            shown, self._shown = self._shown, {}
            for number, own in shown.items():
                os.dup2(own, number)
                os.close(own)

    def say_total(self) -> None:
        """Show how many checkpoints are done and the total time, in whole minutes."""
        minutes = max(1, round((time.perf_counter() - self._begun) / 60))
        self.say(f"{self._done} of {self._total} checkpoints are done, after {minutes:,} min")

    def _tick(self, ended: threading.Event) -> None:
        while not ended.wait(TICK):
            self.say_total()
