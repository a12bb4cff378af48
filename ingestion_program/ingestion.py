"""The ingestion program: run a submission on every checkpoint of the suite.

usage: ingestion.py [INPUT_DATA] [SUBMISSION] [OUTPUT] [--checkpoints FOLDER]

The defaults are the folders of a Codabench worker, so the same program runs there and anywhere else.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from functools import partial
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin for a shared core cost minutes

from e2lm_ingestion.engines import ENGINES, make_engine
from e2lm_ingestion.errors import OrganizerError, SubmissionError
from e2lm_ingestion.execution.sweep import Progress, sweep
from e2lm_ingestion.results.folder import empty_folder
from e2lm_ingestion.results.seal import read_key, seal
from e2lm_ingestion.submission.submission import open_submission
from e2lm_ingestion.suite import load_suite

SMALLER = "submit fewer items or shorter prompts"


def main() -> int:
    """Clear the output folder of what the submission planted there, sweep, seal. Exit code 2: an error in one line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("input_data", nargs="?", type=Path, default=Path("/app/input_data"))
    parser.add_argument("submission", nargs="?", type=Path, default=Path("/app/ingested_program"))
    parser.add_argument("output", nargs="?", type=Path, default=Path("/app/output"))
    parser.add_argument("--checkpoints", type=Path, default=Path("/app/data"), help="folder that holds the models")
    parser.add_argument("--engine", choices=ENGINES, default="auto", help="auto: vllm with a GPU, else transformers")
    parser.add_argument("--dtype", default="auto", help="auto, float32, bfloat16 or float16")
    parser.add_argument("--deadline", type=float, default=690.0, help="minutes, below the platform's limit of 12 hours")
    parser.add_argument("--workers", type=int, help="processes that score side by side (default: one for each GPU)")
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
        return _fail(f"out of memory; {SMALLER}, or organizers: give the worker more memory")
    except OSError as error:
        location = error.filename or args.output
        return _fail(
            f"{location}: {error.strerror or error}; organizers: check that the worker's disk has room and works"
        )
    finally:
        timer.cancel()
    return 0


def _fail(reason: str) -> int:
    print(f"error: {reason}", file=sys.stderr, flush=True)
    return 2


def _stop_at(deadline: float) -> threading.Timer:
    """End the process `deadline` minutes from now, whatever it waits for.

    The sweep looks at the clock between checkpoints; one that takes hours, or hangs, is ended here, while there is
    still somebody to say why: past its own limit the platform keeps nothing.
    """

    def stop() -> None:
        _fail(f"out of time: stopped after {deadline:g} minutes, in the middle of a checkpoint; {SMALLER}")
        os._exit(2)

    timer = threading.Timer(deadline * 60, stop)
    timer.daemon = True
    timer.start()
    return timer


def _log(progress: Progress) -> None:
    """No scores: participants read this log, and late checkpoints are held back."""
    done = f"[{progress.done}/{progress.total}] {progress.checkpoint}"
    left = f"about {progress.seconds_left / 60:.1f} min left"
    print(f"{done}: {progress.seconds:.1f} s, {left}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
