"""Templates and data files of a stranger, handled in a process of its own with little time, memory and no files.

Jinja's sandbox keeps a template from attributes that lead out; the process keeps a template or file that loops or grows
from taking the program with it. See rendering.py for the other side.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from e2lm_ingestion.errors import OrganizerError, SubmissionError

LEAST_CPU_SECONDS = 4  # the process itself starts in half a second
_START = "import sys; sys.path.insert(0, sys.argv[1]); from e2lm_ingestion.sandbox.{} import main; main()"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a whole submission may take. 15,000 items of an MMLU-like task take about 3 s and 200 MB."""

    cpu_seconds: int = 60
    seconds_per_document: float = 2.0  # of processor time, each field
    memory: int = 1 << 30  # bytes of address space; pyarrow alone maps a third of it
    characters: int = 100_000_000  # of all rendered texts
    wall_seconds: int = 180


@dataclass(frozen=True, slots=True)
class Documents:
    """The files of a task to read and the templates to render: field's name -> template or field of the documents."""

    test_files: Sequence[tuple[Path, str]]  # the file and the name to show
    templates: Mapping[str, str]
    source: str = "task.yaml"  # the task's file, to show
    max_items: int = sys.maxsize
    shots: int = 0
    sampler: str = "first_n"  # or "default": drawn at random, for each item anew
    fewshot_files: Sequence[tuple[Path, str]] | None = ()  # None: examples come from the items' own split
    samples: Sequence[Mapping[str, Any]] = ()  # examples written in the task itself; then there are no files of them
    fewshot_templates: Mapping[str, str] = field(default_factory=dict)  # of the examples


@dataclass(frozen=True, slots=True)
class Rendered:
    """Columns of rendered values, in the order of the documents."""

    locations: list[str]  # "test.jsonl, line 17"
    fewshot_locations: list[str]
    test: dict[str, list[Any]]
    fewshot: dict[str, list[Any]]  # of the documents that are examples of some item
    examples: list[list[int]] | None  # numbers of each item's own examples among these; None: all, for every item


def render(tasks: Sequence[Documents], limits: Limits = Limits()) -> list[Rendered]:
    """Read and render. Raises SubmissionError naming the field for whatever the submission makes go wrong."""
    request = {
        "tasks": [
            {
                "source": task.source,
                "test_files": [(str(path), name) for path, name in task.test_files],
                "fewshot_files": None
                if task.fewshot_files is None
                else [(str(path), name) for path, name in task.fewshot_files],
                "samples": [dict(sample) for sample in task.samples],
                "shots": task.shots,
                "sampler": task.sampler,
                "max_items": task.max_items,
                "templates": dict(task.templates),
                "fewshot_templates": dict(task.fewshot_templates),
            }
            for task in tasks
        ],
        "limits": asdict(replace(limits, cpu_seconds=_cpu_seconds(tasks, limits))),
    }
    return [Rendered(**rendered) for rendered in confined("rendering", request, limits.wall_seconds)]


def confined(module: str, request: Mapping[str, Any], wall_seconds: float) -> Any:  # noqa: ANN401 (JSON)
    """Run `main` of a module of this room in a process of its own that lowers its limits, and return its result.

    Raises SubmissionError when the process says so, or is ended for what it takes.
    """
    package = str(Path(__file__).resolve().parents[2])
    try:
        process = subprocess.run(
            [sys.executable, "-I", "-B", "-X", "utf8", "-c", _START.format(module), package],
            input=json.dumps(request).encode(),
            capture_output=True,
            timeout=wall_seconds,
            env=_environment(),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise SubmissionError(f"{_doing(error.stdout)}: takes more than {wall_seconds:g} s; simplify it") from None
    return _answer(process)


def _cpu_seconds(tasks: Sequence[Documents], limits: Limits) -> int:
    """A second for every 100 kB of documents (10 kB of packed parquet), so that a small file cannot be a slow one."""
    units = 0.0
    files = {path for task in tasks for path, _ in (*task.test_files, *(task.fewshot_files or ()))}
    for path in files:
        units += path.stat().st_size / (10_000 if path.suffix.lower() == ".parquet" else 100_000)
    return min(limits.cpu_seconds, LEAST_CPU_SECONDS + int(units))


def _environment() -> dict[str, str]:
    """No token and no setting of the caller; only what the interpreter itself may need to start."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH") if name in os.environ}
    return kept | {"ARROW_DEFAULT_MEMORY_POOL": "system", "OMP_NUM_THREADS": "1"}


def _answer(process: subprocess.CompletedProcess[bytes]) -> Any:  # noqa: ANN401 (JSON)
    last = process.stdout.rstrip(b"\n").rpartition(b"\n")[2]
    message = json.loads(last) if process.returncode == 0 and last else {}
    if "error" in message:
        raise SubmissionError(message["error"])
    if "result" in message:
        return message["result"]
    doing = _doing(process.stdout)
    if process.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        raise SubmissionError(f"{doing}: takes too much processor time or memory; simplify it")
    if process.returncode < 0 or b"MemoryError" in process.stderr:
        raise SubmissionError(f"{doing}: takes too much memory or nesting; simplify it")
    reason = process.stderr.decode(errors="replace").strip().rpartition("\n")[2]
    raise OrganizerError(f"the process that handles a submission's texts did not work: {reason or process.returncode}")


def _doing(output: bytes | None) -> str:
    """What was being worked on, from the messages so far."""
    started = [json.loads(line)["field"] for line in (output or b"").split(b"\n") if line.startswith(b'{"field"')]
    return str(started[-1]) if started else "task.yaml"
