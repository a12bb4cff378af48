"""Items and families of checkpoints -> what each model says: on one engine here, or a process for each device."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from transformers import AutoTokenizer

from e2lm_ingestion.engines import Engine
from e2lm_ingestion.engines.weights import read_ahead
from e2lm_ingestion.errors import OrganizerError, SubmissionError
from e2lm_ingestion.evaluation import Answers, Evaluation
from e2lm_ingestion.suite import Checkpoint, verify_checkpoint, weight_files

_START = "import sys; sys.path.insert(0, sys.argv[1]); from e2lm_ingestion.worker import main; main(int(sys.argv[2]))"


class Answered(NamedTuple):
    """What one checkpoint's model says of all items."""

    checkpoint: Checkpoint
    answers: Answers
    seconds: float  # loading included


@dataclass(frozen=True, slots=True)
class Job:
    """What every process is told first: the items, and how to make an engine."""

    evaluation: Evaluation
    context_length: int
    make_engine: Callable[[], Engine]  # picklable
    provide: Callable[[Checkpoint], None] = verify_checkpoint  # picklable; called before a checkpoint is loaded


class Runner(Protocol):
    """One or more engines."""

    @property
    def description(self) -> dict[str, str]:
        """What results depend on: engine, dtype, device and versions."""

    def run(self, families: Sequence[list[Checkpoint]]) -> Iterator[Answered]:
        """Score every checkpoint; those of a family in their order."""

    def close(self) -> None:
        """Free the devices."""


def make_runner(job: Job, workers: int | None) -> Runner:
    """As many processes as `workers` says, else one for each GPU; a single engine runs in this process.

    Raises OrganizerError when there are fewer GPUs than workers, or no worker.
    """
    gpus = visible_gpus()
    if workers is not None and (workers < 1 or 0 < len(gpus) < workers):
        raise OrganizerError(
            f"--workers {workers}: give 1 to {len(gpus) or _cores()}, the number of GPUs or else of cores"
        )
    count = workers or len(gpus) or 1
    if count == 1:
        return OneEngine(job)
    if gpus:
        return Processes(job, [{"CUDA_VISIBLE_DEVICES": gpu} for gpu in gpus[:count]])
    threads = str(max(1, _cores() // count))
    return Processes(job, [{"OMP_NUM_THREADS": threads, "VLLM_CPU_OMP_THREADS_BIND": "nobind"}] * count)


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them. Does not touch them."""
    import torch  # not at the top: it takes seconds

    count = torch.cuda.device_count()
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    return given.replace(" ", "").split(",")[:count] if given else [str(number) for number in range(count)]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class OneEngine:
    """The engine of this process."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._engine = job.make_engine()

    @property
    def description(self) -> dict[str, str]:
        """What results depend on: engine, dtype, device and versions."""
        return self._engine.description

    def run(self, families: Sequence[list[Checkpoint]]) -> Iterator[Answered]:
        """Score every checkpoint, family by family; the next one is provided and read while this one is scored."""
        following = dict(pairwise(checkpoint for family in families for checkpoint in family))
        with ThreadPoolExecutor(max_workers=1) as reader:
            ahead: Future[None] | None = None
            for family in families:
                encoded: Any = None
                for checkpoint in family:
                    begun = time.perf_counter()
                    if ahead is None:
                        self._job.provide(checkpoint)
                    else:
                        ahead.result()
                    encoded = encoded or self._encode(checkpoint)
                    self._engine.load(checkpoint)
                    if checkpoint in following:
                        ahead = reader.submit(self._read_ahead, following[checkpoint])
                    answers = self._job.evaluation.ask(self._engine, encoded)
                    yield Answered(checkpoint, answers, time.perf_counter() - begun)
                self._engine.close()

    def close(self) -> None:
        """Free the device."""
        self._engine.close()

    def _read_ahead(self, checkpoint: Checkpoint) -> None:
        self._job.provide(checkpoint)
        read_ahead(checkpoint)

    def _encode(self, checkpoint: Checkpoint) -> Any:  # noqa: ANN401 (the evaluation's own)
        tokenizer = AutoTokenizer.from_pretrained(checkpoint.path, local_files_only=True, trust_remote_code=False)
        return self._job.evaluation.encode(tokenizer, self._job.context_length)


@dataclass(slots=True)
class _Process:
    """A process of worker.py, the line to it, and the checkpoints it still owes."""

    process: subprocess.Popen[bytes]
    line: Connection
    owed: deque[Checkpoint]


class Processes:
    """One engine in each of several processes, each with its own device. See worker.py for the other side."""

    def __init__(self, job: Job, environments: Sequence[dict[str, str]]) -> None:
        """Start a process for each environment. Raises OrganizerError unless all their devices are alike."""
        self._processes: list[_Process] = []
        try:
            for environment in environments:
                self._processes.append(_start(job, environment))
            descriptions = [_received(process) for process in self._processes]
        except BaseException:
            self.close()
            raise
        self._description: dict[str, str] = descriptions[0]
        if other := next((one for one in descriptions if one != self._description), None):
            self.close()
            key = next(key for key in other if other[key] != self._description.get(key))
            raise OrganizerError(
                f"the devices differ in {key} ({self._description.get(key)} and {other[key]}), and so would the "
                "numbers; set CUDA_VISIBLE_DEVICES to equal ones"
            )

    @property
    def description(self) -> dict[str, str]:
        """What results depend on: engine, dtype, device and versions."""
        return self._description

    def run(self, families: Sequence[list[Checkpoint]]) -> Iterator[Answered]:
        """Score every checkpoint, longest family first; whoever is free takes the next family.

        Raises OrganizerError naming the checkpoint when a process ends early.
        """
        queue = deque(shares(families, len(self._processes)))
        busy: dict[Connection, _Process] = {}
        for process in self._processes:
            if queue:
                busy[process.line] = _give(process, queue.popleft())
        while busy:
            for line in wait(list(busy)):
                process = busy[line]  # type: ignore[index]  # lines are all that was waited for
                yield _received(process)
                process.owed.popleft()
                if not process.owed:
                    del busy[process.line]
                    if queue:
                        busy[process.line] = _give(process, queue.popleft())

    def close(self) -> None:
        """End the processes, whatever they are doing."""
        for process in self._processes:
            process.line.close()
            process.process.kill()
        for process in self._processes:
            process.process.wait()


def shares(families: Sequence[list[Checkpoint]], workers: int) -> list[list[Checkpoint]]:
    """The families, those with most bytes of weights first; while some worker has none, the longest is halved."""
    parts = [family for family in families if family]
    weights = {checkpoint: _bytes(checkpoint) for family in parts for checkpoint in family}

    def cost(part: list[Checkpoint]) -> int:
        return sum(weights[checkpoint] for checkpoint in part)

    while len(parts) < workers and any(len(part) > 1 for part in parts):
        longest = max((part for part in parts if len(part) > 1), key=cost)
        parts.remove(longest)
        parts += [longest[: len(longest) // 2], longest[len(longest) // 2 :]]
    return sorted(parts, key=cost, reverse=True)


def _bytes(checkpoint: Checkpoint) -> int:
    return sum(file.stat().st_size for file in weight_files(checkpoint) if file.is_file())


def _start(job: Job, environment: dict[str, str]) -> _Process:
    ours, theirs = Pipe()
    package = str(Path(__file__).resolve().parents[1])
    with theirs:
        process = subprocess.Popen(
            # -P: a folder that one happens to be in, a submission's even, must have no say in what is imported.
            [sys.executable, "-P", "-c", _START, package, str(theirs.fileno())],
            env={**os.environ, **environment},
            pass_fds=[theirs.fileno()],
        )
    started = _Process(process, ours, deque())
    _tell(started, job)
    return started


def _give(process: _Process, family: list[Checkpoint]) -> _Process:
    process.owed = deque(family)
    _tell(process, family)
    return process


def _tell(process: _Process, message: Job | list[Checkpoint]) -> None:
    try:
        process.line.send(message)
    except OSError:
        raise _ended(process) from None


def _received(process: _Process) -> Any:  # noqa: ANN401 (a description or Answered)
    try:
        message = process.line.recv()
    except (EOFError, OSError):
        raise _ended(process) from None
    if isinstance(message, (SubmissionError, OrganizerError)):
        raise message
    return message


def _ended(process: _Process) -> OrganizerError:
    code = process.process.wait()
    why = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
    doing = f"scoring {process.owed[0]}" if process.owed else "starting"
    hint = "; the machine may have run out of memory" if code == -signal.SIGKILL else ""
    return OrganizerError(
        f"a worker process was ended {why} while {doing}{hint}; what is finished is kept: run again, with fewer "
        "--workers if it happens again"
    )
