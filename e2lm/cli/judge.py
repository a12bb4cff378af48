"""Ask a language model whether a sample of a submission's items tests domain knowledge."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from e2lm.cli.arguments import count
from e2lm.edition.current import current_edition, scored_suite
from e2lm.runs.run_folder import RunFolder
from e2lm.submissions.judging.endpoint import KEY_VARIABLE, Endpoint
from e2lm.submissions.judging.prompt import SCHEMA
from e2lm.submissions.judging.run import judge, questions_in
from e2lm.submissions.judging.sampling import influences_of, sample, seed_of
from e2lm.submissions.judging.verdicts import Answer, Outcome, outcome_of, read_answers
from e2lm.suites.registry import find_suite
from e2lm_ingestion.submission.submission import open_submission
from e2lm_scoring.inputs.configuration import load_configuration

SHOWN_REASONS = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `e2lm judge`."""
    parser.add_argument("submission", type=Path, help="a submission's folder or zip")
    parser.add_argument(
        "--base-url",
        required=True,
        metavar="URL",
        help="an OpenAI-compatible endpoint, such as http://localhost:8000/v1",
    )
    parser.add_argument("--model", required=True, metavar="NAME", help="the model's name at the endpoint")
    parser.add_argument("--items", type=count, metavar="N", default=50, help="number of items to judge (default: 50)")
    parser.add_argument(
        "--seed",
        type=count,
        metavar="N",
        help="seed of the sample of items (default: that of the answers in the file, or a new one, which is recorded)",
    )
    parser.add_argument(
        "--run",
        type=Path,
        metavar="RUN",
        help="a run of the submission over the suite: half of the sample is drawn by how far items move its curves "
        "(default: under answers drawn at random)",
    )
    parser.add_argument(
        "--concurrency", type=count, metavar="N", default=4, help="number of parallel requests (default: 4)"
    )
    parser.add_argument(
        "--suite",
        help="the suite whose scoring.yaml sets the threshold (default: the edition's)",
    )
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        metavar="FILE",
        help="the file of the answers; run again to resume (default: SUBMISSION-judge.jsonl)",
    )
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")
    parser.epilog = (
        "example: e2lm judge my-task --base-url http://localhost:8000/v1 --model NAME\n"
        f"The endpoint's key is read from the environment variable {KEY_VARIABLE}.\n"
        "Exit code 1: not passed."
    )


def main(args: argparse.Namespace) -> int:
    """Judge the unanswered items, count the verdicts, print the outcome. Returns 0 if the submission passes, else 1."""
    configuration = load_configuration(find_suite(scored_suite(args.suite)).scoring)
    out = args.out or _default_out(args.submission.resolve())
    with open_submission(args.submission) as submission:
        questions, sha256 = questions_in(submission), submission.sha256
        run = None if args.run is None else RunFolder(args.run).found_results
        influences = influences_of(submission, run, configuration)
    seed = seed_of(args.seed, read_answers(out))
    drawn = sample(influences, args.items, seed)
    endpoint = Endpoint(args.base_url, args.model, SCHEMA)
    try:
        answers = judge(
            [questions[item] for item in drawn.items],
            endpoint,
            args.model,
            out,
            args.concurrency,
            submission=sha256,
            seed=seed,
        )
    finally:
        endpoint.close()
    outcome = outcome_of(answers, configuration.min_accept_rate, drawn.by_influence)
    if args.json:
        print(json.dumps(asdict(outcome) | {"answers": str(out), "seed": seed}))
    else:
        print(f"{_text(outcome, answers, out)} (seed {seed})")
        if args.suite is None:
            print(f"edition: {current_edition()}")
    return 0 if outcome.decision == "passed" else 1


def _default_out(submission: Path) -> Path:
    """A file in the current folder, or beside the submission if the current folder belongs to it."""
    here = Path.cwd()
    folder = submission.parent if submission in (here, *here.parents) else Path()
    return folder / f"{submission.name.removesuffix('.zip')}-judge.jsonl"


def _text(outcome: Outcome, answers: Sequence[Answer], out: Path) -> str:
    rate = "no item was answered"
    if outcome.rate is not None:
        rate = f"{outcome.rate:.0%} accepted, 95 % interval {outcome.low:.0%} to {outcome.high:.0%}"
    lines = [
        f"{outcome.decision}: {rate}; {outcome.threshold:.0%} are needed",
        f"{outcome.accepted} accepted, {outcome.rejected} rejected, {outcome.unanswered} unanswered of {len(answers)}",
    ]
    if outcome.influence_rate is not None:
        lines.append(
            f"by influence on the score: {outcome.influence_rate:.0%} accepted, 95 % interval "
            f"{outcome.influence_low:.0%} to {outcome.influence_high:.0%}"
        )
    if outcome.wrong_rate is not None:
        lines.append(f"marked answers: {outcome.wrong_rate_text}; {outcome.marked_unsure} unsure")
    if outcome.blocks:
        lines.append(f"no prize until you have read them: give e2lm rank this file with --judged {out}")
    if outcome.decision == "undecided":
        lines.append("the interval contains the threshold: judge more items (--items), or read the answers")
    for answer in [answer for answer in answers if answer.verdict != "accept"][:SHOWN_REASONS]:
        reason = "".join(c for c in answer.reason if c.isprintable())
        lines.append(f"  item {answer.item}, {answer.verdict or 'unanswered'}: {reason}")
    return "\n".join([*lines, f"answers: {out}"])
