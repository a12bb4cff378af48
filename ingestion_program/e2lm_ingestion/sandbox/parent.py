"""Parent side of the sandbox: starts a child process with low limits to read data files and render templates.

Jinja's sandbox denies a template access to unsafe attributes. The separate process protects this program from a
template or file that needs too much time or memory. The child runs rendering.py or text_filters.py.
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

LEAST_CPU_SECONDS = 4  # starting the process takes half a second of them
_START = "import sys; sys.path.insert(0, sys.argv[1]); from e2lm_ingestion.sandbox.{} import main; main()"


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits for a whole submission. 15,000 items of an MMLU-like task take about 3 s and 200 MB."""

    cpu_seconds: int = 60
    seconds_per_document: float = 2.0  # processor time for each field
    memory: int = 1 << 30  # bytes of address space; pyarrow alone maps a third of it
    characters: int = 100_000_000  # of all rendered texts
    wall_seconds: int = 180


@dataclass(frozen=True, slots=True)
class Documents:
    """The data files of a task and the templates to render on their documents."""

    test_files: Sequence[tuple[Path, str]]  # path, name to show in messages
    templates: Mapping[str, str]  # output column -> template, or name of a field of the documents
    source: str = "task.yaml"  # name of the task's file to show in messages
    max_items: int = sys.maxsize
    shots: int = 0
    sampler: str = "first_n"  # or "default": a new random sample for each item
    fewshot_files: Sequence[tuple[Path, str]] | None = ()  # None: examples come from the items' own split
    kept: Mapping[str, Sequence[Any]] = field(default_factory=dict)  # field -> values; rows with others are left out
    samples: Sequence[Mapping[str, Any]] = ()  # examples given in the task itself instead of in files
    fewshot_templates: Mapping[str, str] = field(default_factory=dict)  # templates for the examples


@dataclass(frozen=True, slots=True)
class Rendered:
    """Columns of rendered values, in the order of the documents."""

    locations: list[str]  # "test.jsonl, line 17"
    fewshot_locations: list[str]
    test: dict[str, list[Any]]
    fewshot: dict[str, list[Any]]  # only documents that are an example of some item
    differences: list[str]  # fields that `datasets` reads otherwise, a line each
    examples: list[list[int]] | None  # each item's examples as indices into `fewshot`; None: every item has all


def render(tasks: Sequence[Documents], limits: Limits = Limits()) -> list[Rendered]:
    """Read the documents of all tasks and render their templates in one child process.

    Raises SubmissionError naming file, line or field for an error of the submission.
    """
    request = {
        "tasks": [
            {
                "source": task.source,
                "test_files": [(str(path), name) for path, name in task.test_files],
                "fewshot_files": None
                if task.fewshot_files is None
                else [(str(path), name) for path, name in task.fewshot_files],
                "kept": {name: list(values) for name, values in task.kept.items()},
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
    """Run `main` of a module of this package in a child process with low limits and return its result.

    Raises SubmissionError when the child reports one or exceeds a limit, OrganizerError when it fails otherwise.
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
        raise SubmissionError(
            f"{_field_in_progress(error.stdout)}: takes more than {wall_seconds:g} s; simplify it"
        ) from None
    return _answer(process)


def _cpu_seconds(tasks: Sequence[Documents], limits: Limits) -> int:
    """Processor time for the files: a minimum plus a second for each 100 kB (10 kB of parquet, which is compressed)."""
    units = 0.0
    files = {path for task in tasks for path, _ in (*task.test_files, *(task.fewshot_files or ()))}
    for path in files:
        units += path.stat().st_size / (10_000 if path.suffix.lower() == ".parquet" else 100_000)
    return min(limits.cpu_seconds, LEAST_CPU_SECONDS + int(units))


def _environment() -> dict[str, str]:
    """Environment of the child: no secrets or settings of the parent, only what the interpreter needs to start."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH") if name in os.environ}
    return kept | {"ARROW_DEFAULT_MEMORY_POOL": "system", "OMP_NUM_THREADS": "1"}


def _answer(process: subprocess.CompletedProcess[bytes]) -> Any:  # noqa: ANN401 (JSON)
    last = process.stdout.rstrip(b"\n").rpartition(b"\n")[2]
    message = json.loads(last) if process.returncode == 0 and last else {}
    if "errors" in message:
        raise SubmissionError(*message["errors"])
    if "result" in message:
        return message["result"]
    field_in_progress = _field_in_progress(process.stdout)
    if process.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        raise SubmissionError(f"{field_in_progress}: takes too much processor time or memory; simplify it")
    if process.returncode < 0 or b"MemoryError" in process.stderr:
        raise SubmissionError(f"{field_in_progress}: takes too much memory or nesting; simplify it")
    reason = process.stderr.decode(errors="replace").strip().rpartition("\n")[2]
    raise OrganizerError(f"the process that renders a submission's texts failed: {reason or process.returncode}")


def _field_in_progress(output: bytes | None) -> str:
    """The last field that the child reported before it ended."""
    started = [json.loads(line)["field"] for line in (output or b"").split(b"\n") if line.startswith(b'{"field"')]
    return str(started[-1]) if started else "task.yaml"
