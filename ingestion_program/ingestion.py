"""The ingestion program: runs a submission on every checkpoint of the suite.

usage: ingestion.py [INPUT_DATA] [SUBMISSION] [OUTPUT] [--checkpoints FOLDER]

The defaults are the folders of a Codabench worker, so that the same program runs there and elsewhere.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from functools import partial
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # waiting threads must not spin: on shared cores that costs minutes

from e2lm_ingestion.engines import ENGINES, make_engine
from e2lm_ingestion.errors import OrganizerError, SubmissionError
from e2lm_ingestion.execution.sweep import Progress, sweep
from e2lm_ingestion.results.folder import empty_folder
from e2lm_ingestion.results.seal import read_key, seal
from e2lm_ingestion.submission.submission import open_submission
from e2lm_ingestion.suite import load_suite

FEWER_ITEMS = "submit fewer items or shorter prompts"


def main() -> int:
    """Empty the output folder, run the sweep and seal its results. Exit code 2: error, printed as one line.

    The output folder is emptied because Codabench copies files of the submission into it.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("input_data", nargs="?", type=Path, default=Path("/app/input_data"))
    parser.add_argument("submission", nargs="?", type=Path, default=Path("/app/ingested_program"))
    parser.add_argument("output", nargs="?", type=Path, default=Path("/app/output"))
    parser.add_argument("--checkpoints", type=Path, default=Path("/app/data"), help="folder of the checkpoints")
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default="auto",
        help="auto: vLLM with a GPU, else transformers",
    )
    parser.add_argument("--dtype", default="auto", help="auto, float32, bfloat16 or float16")
    parser.add_argument(
        "--deadline",
        type=float,
        default=690.0,
        help="minutes to run; below the platform's limit of 720",
    )
    parser.add_argument(
        "--workers", type=int, help="number of parallel processes (default: one to three for each GPU, as fits)"
    )
    args = parser.parse_args()
    timer = _stop_at(args.deadline)
    try:
        empty_folder(args.output)
        key = read_key([args.checkpoints, args.input_data])
        suite = load_suite(args.input_data / "suite.yaml")
        with open_submission(args.submission) as submission:
            print(f"{submission.name}: running on every checkpoint of {suite.suite}", flush=True)
            results = sweep(
                submission,
                suite,
                root=args.checkpoints,
                results=args.output,
                make_engine=partial(make_engine, args.engine, args.dtype, suite.context_length),
                workers=args.workers,
                on_progress=_log,
                deadline=args.deadline * 60,
            )
        seal(results.parent, key)
    except (SubmissionError, OrganizerError) as error:
        return _fail(str(error))
    except MemoryError:
        return _fail(f"out of memory; {FEWER_ITEMS}, or organizers: give the worker more memory")
    except OSError as error:
        location = error.filename or args.output
        return _fail(
            f"{location}: {error.strerror or error}; organizers: check that the worker's disk has room and is healthy"
        )
    finally:
        timer.cancel()
    return 0


def _fail(reason: str) -> int:
    print(f"error: {reason}", file=sys.stderr, flush=True)
    return 2


def _stop_at(deadline: float) -> threading.Timer:
    """End the process after `deadline` minutes, even in the middle of a checkpoint.

    The sweep checks the time only between checkpoints. This timer ends a checkpoint that takes too long or hangs before
    the platform's own limit, because the platform discards the log of a run that it stops.
    """

    def stop() -> None:
        _fail(f"out of time: stopped after {deadline:g} minutes, in the middle of a checkpoint; {FEWER_ITEMS}")
        os._exit(2)

    timer = threading.Timer(deadline * 60, stop)
    timer.daemon = True
    timer.start()
    return timer


def _log(progress: Progress) -> None:
    """Print the progress without scores: participants read this log, and scores of late checkpoints are secret."""
    done = f"[{progress.done}/{progress.total}] {progress.checkpoint}"
    remaining = f"about {progress.seconds_left / 60:.1f} min left"
    print(f"{done}: {progress.seconds:.1f} s, {remaining}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
