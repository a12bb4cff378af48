"""The `e2lm` command: it runs a command's module and turns expected errors into one line and exit code 2."""

from __future__ import annotations

import argparse
import importlib
import os
import sys

from e2lm_ingestion.errors import OrganizerError, SubmissionError
from e2lm_scoring.errors import OrganizerError as ScoringOrganizerError
from e2lm_scoring.errors import SubmissionError as ScoringSubmissionError

COMMANDS = {
    "demo": "the whole competition in miniature: train, sweep, score, leaderboard",
    "new": "begin a submission: a folder that already runs, to be changed",
    "check": "check a submission and show the first item as the model reads it",
    "import-lm-eval": "write a submission from a task of lm-evaluation-harness and local data",
    "run": "run a submission on every checkpoint of a suite and score it",
    "rerun": "run many submissions on every checkpoint of a suite, each loaded once for all",
    "rescore": "score a finished run under another metric, without asking a model again",
    "compare": "compare runs: scores with intervals, and how sure their order is",
    "rank": "rank runs over one suite: places, ties within noise, prizes",
    "leaderboard": "write the public leaderboard of runs as a static site",
    "judge": "ask a language model whether a submission's items test domain knowledge",
    "overlap": "find items that submissions share with each other or with public benchmarks",
    "codabench": "list, download and rerun the submissions of a phase on Codabench",
    "suite": "list, show, fetch and describe suites of checkpoints",
    "pack": "check a submission folder and zip it for upload",
    "bundle": "build the zip that organizers upload to Codabench",
    "dry-run": "run a bundle and a submission as a Codabench worker would",
}

# Only arguments that begin so ask the Hub for anything; huggingface_hub reads its setting once, when it is imported.
MAY_FETCH = ("suite", "--disk")


def main(argv: list[str] | None = None) -> int:
    """Run one command. Returns its exit code; 2 for an error that the message explains, 130 when interrupted."""
    arguments = sys.argv[1:] if argv is None else argv
    if not any(argument.startswith(MAY_FETCH) for argument in arguments):
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin for a shared core cost minutes
    parser = argparse.ArgumentParser(prog="e2lm", description="Early Training Evaluation of Language Models")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    chosen = next((argument for argument in arguments if not argument.startswith("-")), None)
    for name, summary in COMMANDS.items():
        subparser = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if name == chosen:  # the others would import torch and more, only to be listed
            module = importlib.import_module(f"e2lm.{name.replace('-', '_')}")
            module.add_arguments(subparser)
            subparser.set_defaults(main=module.main)
    args = parser.parse_args(arguments)
    try:
        code: int = args.main(args)
    except (SubmissionError, OrganizerError, ScoringSubmissionError, ScoringOrganizerError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return code
