"""The `e2lm` command: it runs a command's module and turns expected errors into one line and exit code 2."""

from __future__ import annotations

import argparse
import atexit
import contextlib
import difflib
import errno
import importlib
import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from e2lm import __version__
from e2lm.project import choose_edition
from e2lm_ingestion.errors import OrganizerError, SubmissionError
from e2lm_scoring.errors import OrganizerError as ScoringOrganizerError
from e2lm_scoring.errors import SubmissionError as ScoringSubmissionError

FOR_PARTICIPANTS = {
    "demo": "the whole competition in miniature: train, sweep, score, leaderboard",
    "new": "start a submission: a folder that runs as it is, for you to change",
    "check": "check a submission and show the first items as the model reads them",
    "run": "run a submission on every checkpoint of a suite and score it",
    "history": "show the versions of a task that were run: what changed, and what each scored",
    "metrics": "list every metric, a line each",
    "rescore": "score a finished run with another metric, without running a model",
    "compare": "compare runs: scores with intervals, and the probability of their order",
    "overlap": "find items that submissions share with each other or with public benchmarks",
    "pack": "check a submission folder and zip it for upload",
    "import-lm-eval": "write a submission from a task of lm-evaluation-harness and local data",
    "signal": "find the benchmarks that say something early, in results of lm_eval, lighteval, olmes, CSV",
    "suite": "list, show, fetch and describe suites of checkpoints",
    "completion": "print the completion of this command for your shell",
}
FOR_ORGANIZERS = {
    "bundle": "build the zip that organizers upload to Codabench",
    "edition": "start another edition of the competition, or write its home page",
    "dry-run": "run a bundle and a submission as a Codabench worker would",
    "codabench": "list, download and rerun the submissions of a phase on Codabench",
    "rerun": "run many submissions on every checkpoint of a suite, loading each checkpoint once",
    "judge": "ask a language model whether a submission's items test domain knowledge",
    "rank": "rank runs over one suite: ties within noise, prizes",
    "leaderboard": "write the public leaderboard of runs as a static site",
}
COMMANDS = {**FOR_PARTICIPANTS, **FOR_ORGANIZERS}

# These commands read edition.yaml, for its suites if for nothing else, and take --edition.
OF_AN_EDITION = frozenset(
    {
        *(
            "bundle",
            "check",
            "compare",
            "edition",
            "judge",
            "leaderboard",
            "rank",
            "rerun",
            "rescore",
            "run",
            "signal",
            "suite",
        ),
    }
)

# These commands keep finished work when interrupted; the same command then resumes.
RESUMED = frozenset({"demo", "run", "rerun", "judge", "suite fetch", "codabench fetch"})

# A command may access the Hub only if one of its arguments begins with one of these (--disk-budget may be shortened);
# huggingface_hub reads its setting once, on import.
MAY_FETCH = ("suite", "--disk")


FULL = (errno.ENOSPC, errno.EDQUOT)
# Operating system errors that a user can fix, with the remedy; any other is a bug and keeps its traceback.
REMEDIES = {
    errno.ENOENT: "check the path, or give another",
    errno.ENOTDIR: "a file exists where a folder is needed; give another path",
    errno.EEXIST: "a file exists where a folder is needed; give another path",
    errno.EISDIR: "a folder exists where a file is needed; give a file",
    errno.EACCES: "change its permissions, or give another path",
    errno.EPERM: "change its permissions, or give another path",
    errno.EROFS: "give a path where you may write",
    errno.ENAMETOOLONG: "give a shorter name",
    **dict.fromkeys(FULL, "free disk space, or give a path on another disk; then run it again"),
}

NEXT = (
    "Begin with e2lm new my-task, then e2lm check, run and pack. e2lm COMMAND --help explains one and gives an example."
)


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, like all other errors of `e2lm`."""

    def error(self, message: str) -> NoReturn:
        """Print the error in the arguments, and end with exit code 2."""
        self.exit(2, f"error: {self.prog}: {message}; see {self.prog} --help\n")


def main(argv: list[str] | None = None) -> int:
    """Run one command. Returns its exit code; 2 for an error that the message explains, 130 when interrupted."""
    if os.name == "nt":  # sandboxes and locks need Unix
        print("error: e2lm runs on Linux and macOS; on Windows, install it in WSL: wsl --install", file=sys.stderr)
        return 2
    arguments = sys.argv[1:] if argv is None else argv
    if not any(argument.startswith(MAY_FETCH) for argument in arguments):
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning threads on shared cores cost minutes
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")  # a terminal without Unicode shows replacement characters
    args = argparse.Namespace()
    try:
        args = _parsed(arguments)
        choose_edition(getattr(args, "edition", None))
        code: int = args.main(args)
        sys.stdout.flush()
    except (SubmissionError, OrganizerError, ScoringSubmissionError, ScoringOrganizerError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        _end_interrupted(args)
    except BrokenPipeError:  # the reader has closed the pipe, as in `e2lm check my-task | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        if error.errno not in REMEDIES:
            raise
        location = f"{error.filename2 or error.filename}: " if error.filename else ""
        print(f"error: {location}{error.strerror}: {_remedy(error)}", file=sys.stderr)
        return 2
    finally:
        choose_edition(None)
    return code


def _remedy(error: OSError) -> str:
    if error.errno in FULL and str(error.filename).startswith(tempfile.gettempdir() + os.sep + "e2lm-"):
        return "free disk space there, or set TMPDIR to a folder on another disk; then run it again"
    return REMEDIES[error.errno or 0]


def _end_interrupted(args: argparse.Namespace) -> NoReturn:
    """Report the interruption in one line and exit at once, without waiting for threads with open requests."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    done = " ".join(name for name in (getattr(args, "command", ""), getattr(args, "action", "")) if name)
    kept = "; finished work is kept: the same command goes on" if done in RESUMED else ""
    with contextlib.suppress(OSError):  # the terminal is closed
        sys.stdout.flush()
        print(f"interrupted{kept}", file=sys.stderr, flush=True)
    atexit._run_exitfuncs()  # shuts down clusters and queues
    os._exit(130)


def _parsed(arguments: list[str]) -> argparse.Namespace:
    parser, commands = _parser()
    chosen = next((argument for argument in arguments if not argument.startswith("-")), None)
    if chosen is None and not arguments:
        parser.print_help()
        parser.exit(0)
    if chosen is not None and chosen not in COMMANDS:
        close = difflib.get_close_matches(chosen, COMMANDS, n=1)
        meant = f"; did you mean {close[0]}?" if close else ""
        parser.error(f"{chosen!r} is not a command{meant}")
    if chosen is not None:  # the others would import torch and more only to be listed
        _add_command(commands, chosen)
    args, surplus = parser.parse_known_args(arguments)
    if surplus:
        done = commands.choices[chosen] if chosen is not None else parser
        done.error(f"unrecognized arguments: {' '.join(surplus)}; put a path with spaces in quotes")
    return args


def whole_parser() -> Parser:
    """The parser with the arguments of all commands, which takes seconds to import."""
    parser, commands = _parser()
    for name in COMMANDS:
        _add_command(commands, name)
    return parser


def _parser() -> tuple[Parser, argparse._SubParsersAction[Parser]]:
    parser = Parser(
        prog="e2lm",
        description=_title(),
        usage="%(prog)s [-h] [--version] COMMAND ...",
        epilog="\n\n".join(
            (_listed("for participants", FOR_PARTICIPANTS), _listed("for organizers", FOR_ORGANIZERS), NEXT)
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    return parser, parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", prog="e2lm", help=argparse.SUPPRESS
    )


def _listed(title: str, commands: Mapping[str, str]) -> str:
    width = max(map(len, COMMANDS))
    return "\n".join([f"{title}:", *(f"  {name:<{width}}  {summary}" for name, summary in commands.items())])


def _add_command(commands: argparse._SubParsersAction[Parser], name: str) -> None:
    summary = COMMANDS[name]
    subparser = commands.add_parser(
        name,
        description=summary[0].upper() + summary[1:] + ".",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module = importlib.import_module(f"e2lm.cli.{name.replace('-', '_')}")
    module.add_arguments(subparser)
    if name in OF_AN_EDITION:
        _take_edition(subparser)
    subparser.set_defaults(main=module.main)


def _take_edition(parser: argparse.ArgumentParser) -> None:
    """Add --edition to a command, or to each of its actions."""
    actions = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for action in actions:
        for name, below in action.choices.items():
            if name != "new":  # it writes what others read
                _take_edition(below)
    if not actions:
        parser.add_argument(
            "--edition",
            type=Path,
            metavar="FILE",
            help="an edition.yaml, or its folder (default: that of this folder or above, or else of the installation)",
        )


def _title() -> str:
    """The title of the edition, with a note where it is that of the installation."""
    from e2lm.edition.current import find_edition

    try:
        current = find_edition()
    except OrganizerError:
        current = None
    return "" if current is None else f"{current.edition.full_title}. Edition: {current}"
