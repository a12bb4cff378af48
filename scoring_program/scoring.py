"""The scoring program: computes scores.json and a report from the results of ingestion.

usage: scoring.py [RESULTS] [REFERENCE] [OUTPUT] [--data FOLDER] [--submission FOLDER]

The defaults are the folders of a Codabench worker, so the same program runs there and anywhere else.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import yaml

from e2lm_scoring.errors import OrganizerError, SubmissionError
from e2lm_scoring.inputs.configuration import load_configuration
from e2lm_scoring.inputs.results import is_unscored
from e2lm_scoring.inputs.seal import read_key, require_results_of, require_seal
from e2lm_scoring.output import competition_name, forget, leave_failure, leave_lowest, score
from e2lm_scoring.scores import NotFiniteError

WITHHELD = (
    "these results cannot be scored; the reason is kept for the organizers, because it may name models that are held "
    "back. Organizers: score the results with `reveal: organizer` in scoring.yaml"
)
UNSCORED = (
    "the submission failed for what models answered: it counts, and its scores are 0. The reason is kept for the "
    "organizers, because it may tell about models that are held back; `e2lm run` shows it to you on the models that "
    "you have. A metric of very large or very small values is the usual reason"
)


def main() -> int:
    """Score the results; on failure print one line and exit with code 2, so that the submission counts as failed.

    A submission that failed after models were asked has sealed results that say so: it gets the lowest scores and exit
    code 0, because the platform counts no failed submission.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("results", nargs="?", type=Path, default=Path("/app/input/res"))
    parser.add_argument("reference", nargs="?", type=Path, default=Path("/app/input/ref"))
    parser.add_argument("output", nargs="?", type=Path, default=Path("/app/output"))
    parser.add_argument("--data", type=Path, default=Path("/app/data"), help="folder that may hold the worker's key")
    parser.add_argument(
        "--submission",
        type=Path,
        default=Path("/app/ingested_program"),
        help="the submission, where the worker mounts it",
    )
    args = parser.parse_args()
    competition = competition_name(args.reference)
    try:
        forget(args.output)
        require_ingestion_succeeded(args.results / "metadata")
        require_seal(args.results, read_key([args.data, args.reference]))
        require_results_of(args.submission, args.results)
        scoring_yaml = args.reference / "scoring.yaml"
        reveals_all = load_configuration(scoring_yaml).reveal == "organizer"
        if is_unscored(args.results):
            return count_as_lowest(UNSCORED, scoring_yaml, args.output, competition)
        try:
            with withheld_unless(reveals_all):
                score_report = score(
                    args.results, scoring_yaml, args.output, full_digits=False, competition=competition
                )
        except NotFiniteError as error:
            return count_as_lowest(str(error) if reveals_all else UNSCORED, scoring_yaml, args.output, competition)
    except (SubmissionError, OrganizerError) as error:
        # forged results may carry line breaks, and Codabench's log must show one line
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr, flush=True)
        with contextlib.suppress(OSError):  # the reason is in the log already
            leave_failure(error, args.output, competition)
        return 2
    except OSError as error:
        print(f"error: {args.output}: cannot be written ({error.strerror}); check the folder", file=sys.stderr)
        return 2
    print(f"{score_report.task}: {score_report.items} items, metric {score_report.metric}")
    for column, value in score_report.scores.items():
        print(f"  {column}: {value:.4f}")
    for reason in score_report.reasons:
        print(f"not eligible: {reason}")
    return 0


@contextlib.contextmanager
def withheld_unless(reveals_all: bool) -> Iterator[None]:
    """Replace errors about the results by one fixed sentence unless `reveals_all`: they may depend on models' answers.

    Warnings of arithmetic are not printed either. An error of the output folder stays as it is.
    """
    if reveals_all:
        yield
        return
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            yield
        except (OSError, NotFiniteError):
            raise
        except Exception:
            raise OrganizerError(WITHHELD) from None


def count_as_lowest(reason: str, scoring_yaml: Path, output: Path, competition: str) -> int:
    """Give the lowest scores to a submission that failed for what models answered; returns exit code 0: it counts."""
    leave_lowest(SubmissionError(reason), scoring_yaml, output, competition)
    print(f"error: {reason}", file=sys.stderr)
    return 0


def require_ingestion_succeeded(metadata: Path) -> None:
    """Raise SubmissionError when the worker's status file says that ingestion failed; a worker runs scoring anyway."""
    try:
        exit_code = yaml.safe_load(metadata.read_text(encoding="utf-8"))["ingestionExitCode"]
    except (OSError, yaml.YAMLError, UnicodeDecodeError, RecursionError, KeyError, TypeError):
        raise OrganizerError(
            f"{metadata}: missing, or without ingestionExitCode, the exit code of ingestion; run ingestion again"
        ) from None
    if type(exit_code) is not int or exit_code != 0:  # false == 0 in Python
        raise SubmissionError("ingestion did not succeed: there is nothing to score; the last line of its log says why")


if __name__ == "__main__":
    sys.exit(main())
