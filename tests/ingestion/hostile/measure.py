"""Opens each submission in a process of its own and measures time and memory. The tests start this program.

For each line of JSON on standard input, [what, submission, folder], it prints one with the exit code, processor seconds
including children, and bytes of memory of the largest process. `what` is "read", the first step of every program, or a
command of e2lm with options. Standard output and error go to files in the folder, which also has the current and the
temporary folder.

The processes are forks of this one, which has already imported the program, because the import takes longer than most
submissions. Forks of the tests' own process would begin with its large memory.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from pathlib import Path

from e2lm.cli import check as _check  # noqa: F401 (imported before the fork)
from e2lm.cli.main import main as e2lm
from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.output_types.item_sets import item_set_of
from e2lm_ingestion.submission.submission import open_submission

WALL_SECONDS = 120


def read(submission: str) -> int:
    """Return 0 when the submission is tolerated, 2 when it is refused in one line."""
    try:
        with open_submission(Path(submission)) as opened:
            item_set_of(opened)
    except SubmissionError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def main() -> None:
    """Process requests until standard input ends."""
    for line in sys.stdin:
        what, submission, folder = json.loads(line)
        process = os.fork()
        if not process:
            _in_the_fork(what, submission, Path(folder))
        _, status, usage = os.wait4(process, 0)
        memory = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        print(json.dumps([os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, memory]), flush=True)


def _in_the_fork(what: str, submission: str, folder: Path) -> None:
    code = 1
    try:
        signal.alarm(WALL_SECONDS)
        for number, path in enumerate((Path(os.devnull), folder / "output", folder / "error")):
            os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), number)
        os.environ["TMPDIR"] = str(folder / "temporary")
        os.chdir(folder / "current")
        code = read(submission) if what == "read" else e2lm([*what.split(), submission])
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
