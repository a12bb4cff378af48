"""The ingestion program: runs a submission on every checkpoint of the suite.

usage: ingestion.py [INPUT_DATA] [SUBMISSION] [OUTPUT] [--checkpoints FOLDER]

The defaults are the folders of a Codabench worker, so that the same program runs there and elsewhere.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
import traceback
from contextlib import closing
from functools import partial
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # waiting threads must not spin: on shared cores that costs minutes

from e2lm_ingestion.engines import ENGINES, make_engine
from e2lm_ingestion.errors import OrganizerError, OutOfTimeError, SubmissionError
from e2lm_ingestion.execution.pickle_store import PickleStore
from e2lm_ingestion.execution.platform_log import WITHHELD, PlatformLog
from e2lm_ingestion.execution.sweep import Progress, prepare, sweep_prepared
from e2lm_ingestion.file_names import ORGANIZERS_LOG
from e2lm_ingestion.forecast.hardware import KINDS, machine
from e2lm_ingestion.forecast.time_limit import refuse_what_does_not_fit
from e2lm_ingestion.results.folder import empty_folder
from e2lm_ingestion.results.seal import read_key, seal
from e2lm_ingestion.results.unscored import write_unscored
from e2lm_ingestion.submission.submission import open_submission
from e2lm_ingestion.suite import load_suite

FEWER_ITEMS = "submit fewer items or shorter prompts"
OUT_OF_TIME = f"out of time: not every checkpoint was done when the time limit came near; {FEWER_ITEMS}"


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
    parser.add_argument("--gpu", choices=KINDS, default="H100", help="of the worker, for the forecast of the time")
    parser.add_argument("--gpus", type=int, default=1, help="how many the worker has")
    parser.add_argument(
        "--workers", type=int, help="number of parallel processes (default: one to three for each GPU, as fits)"
    )
    parser.add_argument(
        "--reveal",
        choices=("participant", "organizer"),
        default="participant",
        help="whose eyes the log is for: organizer also shows what may depend on the answers of models held back",
    )
    args = parser.parse_args()
    log = PlatformLog(args.output / ORGANIZERS_LOG, reveals_all=args.reveal == "organizer")
    timer = _stop_at(args.deadline, log)
    try:
        _run(args, log)
    except (SubmissionError, OrganizerError) as error:
        log.fail(str(error), fixed=OUT_OF_TIME if isinstance(error, OutOfTimeError) else WITHHELD)
    except MemoryError:
        reason = f"out of memory; {FEWER_ITEMS}, or organizers: give the worker more memory"
        log.fail(reason, fixed=reason)
    except OSError as error:
        what = error.strerror or type(error).__name__
        remedy = "organizers: check that the worker's disk has room and is healthy"
        log.fail(f"{error.filename or args.output}: {what}; {remedy}", fixed=f"{what}; {remedy}")
    except Exception as error:
        if not log.asked:
            raise
        log.keep(traceback.format_exc())
        log.fail(f"{type(error).__name__}: {error}")
    else:
        return 0
    finally:
        timer.cancel()
    return 2


def _run(args: argparse.Namespace, log: PlatformLog) -> None:
    """Run the sweep and seal its results; a submission that fails after a model was asked has unscored ones."""
    empty_folder(args.output)
    key = read_key([args.checkpoints, args.input_data])
    suite = load_suite(args.input_data / "suite.yaml")
    ends = time.perf_counter() + args.deadline * 60
    with open_submission(args.submission) as submission, closing(PickleStore(0)) as store:
        fits = partial(
            refuse_what_does_not_fit,
            submission.task,
            suite=suite,
            root=args.checkpoints,
            machine=machine(args.gpu, args.gpus),
            limit=args.deadline,
        )
        prepared = prepare(submission, suite, args.output, store, 0, also_require=fits)
        log.say(f"{submission.name}: running on every checkpoint of {suite.suite}")
        with log.others_kept():
            try:
                sweep_prepared(
                    prepared,
                    store,
                    suite,
                    root=args.checkpoints,
                    make_engine=partial(make_engine, args.engine, args.dtype, suite.context_length),
                    workers=args.workers,
                    on_progress=partial(_keep_progress, log),
                    on_asking=log.models_are_asked,
                    shuffled=True,
                    ends=ends,
                )
            except SubmissionError as error:
                if not log.asked:
                    raise
                log.fail(str(error))
                write_unscored(args.output, submission.sha256)
            else:
                log.say_total()
    seal(args.output, key)


def _keep_progress(log: PlatformLog, progress: Progress) -> None:
    log.count(progress.done, progress.total)
    done = f"[{progress.done}/{progress.total}] {progress.checkpoint}"
    log.keep(f"{done}: {progress.seconds:.1f} s, about {progress.seconds_left / 60:.1f} min left")


def _stop_at(deadline: float, log: PlatformLog) -> threading.Timer:
    """End the process after `deadline` minutes, even in the middle of a checkpoint.

    The sweep checks the time only between checkpoints. This timer ends a checkpoint that takes too long or hangs before
    the platform's own limit, because the platform discards the log of a run that it stops.
    """

    def stop() -> None:
        log.fail(
            f"out of time: stopped after {deadline:g} minutes, in the middle of a checkpoint; {FEWER_ITEMS}",
            fixed=OUT_OF_TIME,
        )
        os._exit(2)

    timer = threading.Timer(deadline * 60, stop)
    timer.daemon = True
    timer.start()
    return timer


if __name__ == "__main__":
    sys.exit(main())
