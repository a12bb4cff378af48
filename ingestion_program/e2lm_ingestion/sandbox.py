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
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from e2lm_ingestion.errors import OrganizerError, SubmissionError

LEAST_CPU_SECONDS = 4  # the process itself starts in half a second
_START = "import sys; sys.path.insert(0, sys.argv[1]); from e2lm_ingestion.rendering import main; main()"


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
    """The files to read and the templates to render: field's name -> template or field of the documents."""

    test_files: Sequence[tuple[Path, str]]  # the file and the name to show
    fewshot_files: Sequence[tuple[Path, str]] | None  # None: examples come from the items' own split
    shots: int
    max_items: int
    templates: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Rendered:
    """Columns of rendered values, in the order of the documents."""

    places: list[str]  # "test.jsonl, line 17"
    fewshot_places: list[str]
    test: dict[str, list[Any]]
    fewshot: dict[str, list[Any]]
    examples: list[list[int]] | None  # numbers of each item's own examples, when they come from its split


def render(documents: Documents, limits: Limits = Limits()) -> Rendered:
    """Read and render. Raises SubmissionError naming the field for whatever the submission makes go wrong."""
    fewshot = documents.fewshot_files
    request = {
        "test_files": [(str(path), name) for path, name in documents.test_files],
        "fewshot_files": None if fewshot is None else [(str(path), name) for path, name in fewshot],
        "shots": documents.shots,
        "max_items": documents.max_items,
        "templates": dict(documents.templates),
        "limits": asdict(replace(limits, cpu_seconds=_cpu_seconds(documents, limits))),
    }
    package = str(Path(__file__).resolve().parents[1])
    try:
        process = subprocess.run(
            [sys.executable, "-I", "-B", "-X", "utf8", "-c", _START, package],
            input=json.dumps(request).encode(),
            capture_output=True,
            timeout=limits.wall_seconds,
            env=_environment(),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise SubmissionError(f"{_field(error.stdout)}: takes more than {limits.wall_seconds} s; simplify it") from None
    return _answer(process)


def _cpu_seconds(documents: Documents, limits: Limits) -> int:
    """A second for every 100 kB of documents (10 kB of packed parquet), so that a small file cannot be a slow one."""
    units = 0.0
    for path, _ in (*documents.test_files, *(documents.fewshot_files or ())):
        units += path.stat().st_size / (10_000 if path.suffix.lower() == ".parquet" else 100_000)
    return min(limits.cpu_seconds, LEAST_CPU_SECONDS + int(units))


def _environment() -> dict[str, str]:
    """No token and no setting of the caller; only what the interpreter itself may need to start."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH") if name in os.environ}
    return kept | {"ARROW_DEFAULT_MEMORY_POOL": "system", "OMP_NUM_THREADS": "1"}


def _answer(process: subprocess.CompletedProcess[bytes]) -> Rendered:
    last = process.stdout.rstrip(b"\n").rpartition(b"\n")[2]
    message = json.loads(last) if process.returncode == 0 and last else {}
    if "error" in message:
        raise SubmissionError(message["error"])
    if "result" in message:
        return Rendered(**message["result"])
    field = _field(process.stdout)
    if process.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        raise SubmissionError(f"{field}: takes too much processor time or memory; simplify it")
    if process.returncode < 0 or b"MemoryError" in process.stderr:
        raise SubmissionError(f"{field}: takes too much memory or nesting; simplify it")
    reason = process.stderr.decode(errors="replace").strip().rpartition("\n")[2]
    raise OrganizerError(f"the process that renders templates did not work: {reason or process.returncode}")


def _field(output: bytes | None) -> str:
    """The field that was being rendered, from the messages so far."""
    started = [json.loads(line)["field"] for line in (output or b"").split(b"\n") if line.startswith(b'{"field"')]
    return f"task.yaml: {started[-1]}" if started else "task.yaml"
