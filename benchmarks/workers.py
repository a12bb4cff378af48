"""Compares one engine on a device with several that share it: whole sweeps, by turns, as ratios.

usage: python benchmarks/workers.py [--workers 1,2,4] [--engine transformers] [--checkpoints 24] [--items 100]
                                    [--repeats 3] [--json FILE]

The device is the first GPU, or else the CPU, whose cores the engines divide. The checkpoints are of one tiny Llama, the
task is that of sweep.py. Each repeat sweeps over all checkpoints once for each number of engines, one after the other,
so that other load on the machine hits all alike. Times are those of the sweep: `wall` with the starts of the engines,
`steady` per checkpoint from the first finished one to the last, without most of the starts.

The JSON has the machine and, for each number, the medians of `wall_seconds`, `cpu_seconds` and `steady_seconds` and of
`wall_ratio` and `steady_ratio`: the times of the first number divided by those of this one, in the same repeat.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch
from sweep import make_checkpoints, make_submission, make_suite

from e2lm_ingestion.engines import make_engine
from e2lm_ingestion.engines.device import describe_device
from e2lm_ingestion.engines.shared_device import ENGINES_ON_DEVICE
from e2lm_ingestion.errors import OrganizerError, SubmissionError
from e2lm_ingestion.execution.pickle_store import PickleStore
from e2lm_ingestion.execution.process_pool import Processes
from e2lm_ingestion.execution.sweep import PreparedSubmission, prepare, sweep_all
from e2lm_ingestion.execution.worker_devices import cores, on_gpus, visible_gpus
from e2lm_ingestion.submission.submission import open_submission
from e2lm_ingestion.suite import load_suite


@dataclass(frozen=True, slots=True)
class Sweep:
    """One sweep with some number of engines."""

    wall_seconds: float
    cpu_seconds: float  # of all engines
    steady_seconds: float  # per checkpoint


def main() -> None:
    """Make the task and the checkpoints, sweep by turns, print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--workers", default="1,2,4", help="numbers of engines; the first is compared with")
    parser.add_argument("--engine", default="transformers", help="an engine of e2lm run")
    parser.add_argument("--checkpoints", type=int, default=24)
    parser.add_argument("--items", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    args = parser.parse_args()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    numbers = [int(number) for number in args.workers.split(",")]
    with tempfile.TemporaryDirectory(prefix="e2lm-benchmark-") as name:
        folder = Path(name)
        make_checkpoints(folder, args.checkpoints)
        submission = make_submission(folder / "benchmark", args.items, 5)
        suite = make_suite(folder, args.checkpoints)
        repeats = []
        for repeat in range(args.repeats):
            out = folder / f"results-{repeat}"
            repeats.append({number: sweep(number, args.engine, submission, suite, out) for number in numbers})
            print(f"repeat {repeat + 1}: {repeats[-1]}", flush=True)
    report(repeats, args.json)


def sweep(number: int, engine: str, submission: Path, suite_file: Path, out: Path) -> Sweep:
    """Sweep over all checkpoints with `number` engines on one device."""
    suite = load_suite(suite_file)
    finished: list[float] = []

    def fail(prepared: PreparedSubmission, error: SubmissionError | OrganizerError, trace: str) -> None:
        raise error

    with open_submission(submission) as opened, closing(PickleStore(0)) as store:
        prepared = prepare(opened, suite, out / str(number), store, 0)
        used, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        sweep_all(
            [prepared],
            store,
            suite,
            root=suite_file.parent / "checkpoints",
            make_engine=partial(make_engine, engine, "auto", suite.context_length),
            start=lambda init: Processes(init, environments(number)),
            on_progress=lambda progress: finished.append(time.perf_counter()),
            on_failure=fail,
        )
        wall, now = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    return Sweep(wall, cpu, (finished[-1] - finished[0]) / (len(finished) - 1))


def environments(number: int) -> list[dict[str, str]]:
    """The environment of each of `number` engines on one device."""
    if gpus := visible_gpus():
        return on_gpus(number, gpus[:1])
    threads = str(max(1, cores() // number))
    shared = {ENGINES_ON_DEVICE: str(number), "OMP_NUM_THREADS": threads, "VLLM_CPU_OMP_THREADS_BIND": "nobind"}
    return [shared] * number


def report(repeats: Sequence[dict[int, Sweep]], path: Path | None) -> None:
    """Print and write the medians over the repeats."""
    first = next(iter(repeats[0]))
    device = describe_device("cuda" if torch.cuda.is_available() else "cpu")["device"]
    print(f"{device}, {platform.processor() or platform.machine()}, {cores()} cores, torch {torch.__version__}")
    print(f"{'engines':>8}{'wall s':>9}{'CPU s':>9}{'steady s':>10}{'wall ratio':>12}{'steady ratio':>14}")
    figures: dict[str, dict[str, float]] = {}
    for number in repeats[0]:
        own = {
            key: statistics.median(asdict(repeat[number])[key] for repeat in repeats)
            for key in ("wall_seconds", "cpu_seconds", "steady_seconds")
        }
        for key in ("wall", "steady"):
            ratios = [
                asdict(repeat[first])[f"{key}_seconds"] / asdict(repeat[number])[f"{key}_seconds"] for repeat in repeats
            ]
            own[f"{key}_ratio"] = statistics.median(ratios)
        figures[str(number)] = own
        row = f"{number:8}{own['wall_seconds']:9.1f}{own['cpu_seconds']:9.1f}{own['steady_seconds']:10.3f}"
        print(f"{row}{own['wall_ratio']:12.2f}{own['steady_ratio']:14.2f}")
    if path is not None:
        machine = {"device": device, "cores": cores(), "torch": torch.__version__}
        path.write_text(json.dumps({"machine": machine, "workers": figures}, indent=1) + "\n")


if __name__ == "__main__":
    main()
