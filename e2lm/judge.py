"""Ask a language model whether a sample of a submission's items tests domain knowledge."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path

from e2lm.arguments import count
from e2lm.catalog import find_suite
from e2lm.judging.endpoint import KEY_VARIABLE, Endpoint
from e2lm.judging.prompt import SCHEMA, described, messages, prompt_hash, read_verdict
from e2lm.judging.verdicts import Answer, Outcome, line_of, outcome_of, read_answers, sample, write_answers
from e2lm.progress import progress_bar
from e2lm_ingestion.checks.questions import Question, questions_of
from e2lm_ingestion.errors import OrganizerError, naming
from e2lm_ingestion.prompts import items_by_task
from e2lm_ingestion.submission import Submission, open_submission
from e2lm_scoring.configuration import load_configuration

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
    parser.add_argument("--model", required=True, metavar="NAME", help="the model's name there")
    parser.add_argument(
        "--items", type=count, metavar="N", default=50, help="how many items are asked about (default: 50)"
    )
    parser.add_argument("--seed", type=int, metavar="N", default=0, help="which items are drawn (default: 0)")
    parser.add_argument("--concurrency", type=count, metavar="N", default=4, help="requests at a time (default: 4)")
    parser.add_argument(
        "--suite", default="e2lm-2025-full", help="whose scoring.yaml has the threshold (default: e2lm-2025-full)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="the answers; run again to go on with them (default: SUBMISSION-judge.jsonl)",
    )
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")
    parser.epilog = (
        "example: e2lm judge my-task --base-url http://localhost:8000/v1 --model NAME\n"
        f"An endpoint's key is read from the environment variable {KEY_VARIABLE}.\n"
        "Exit code 1: not passed."
    )


def main(args: argparse.Namespace) -> int:
    """Ask what is not answered yet, count, print. Returns 0 where the submission passes and 1 where it does not."""
    threshold = load_configuration(find_suite(args.suite).scoring).min_accept_rate
    out = args.out or _default_out(args.submission.resolve())
    with open_submission(args.submission) as submission:
        questions, sha256 = questions_in(submission), submission.sha256
    drawn = [questions[number] for number in sample(len(questions), args.items, args.seed, sha256)]
    endpoint = Endpoint(args.base_url, args.model, SCHEMA)
    try:
        answers = judge(drawn, endpoint, args.model, out, args.concurrency)
    finally:
        endpoint.close()
    outcome = outcome_of(answers, threshold)
    print(json.dumps(asdict(outcome) | {"answers": str(out)}) if args.json else _text(outcome, answers, out))
    return 0 if outcome.decision == "passed" else 1


def _default_out(submission: Path) -> Path:
    """A file of this folder; beside the submission where this folder is in it, for it would become a part of it."""
    here = Path.cwd()
    folder = submission.parent if submission in (here, *here.parents) else Path()
    return folder / f"{submission.name.removesuffix('.zip')}-judge.jsonl"


def questions_in(submission: Submission) -> list[Question]:
    """All items, each with its own text apart from the examples before it."""
    questions: list[Question] = []
    for task, items in zip(submission.tasks.values(), items_by_task(submission).values(), strict=True):
        questions += questions_of(items, task.fewshot_delimiter, task.shots, len(questions))
    return questions


def judge(drawn: Sequence[Question], endpoint: Endpoint, model: str, out: Path, concurrency: int) -> list[Answer]:
    """An answer for each question, in their order. Each is in the file as soon as it is there.

    What the file answers already, from the same model and with the same prompt, is not asked again.
    """
    earlier = read_answers(out)
    texts = [described(question) for question in drawn]
    wanted = [(question.item, prompt_hash(text), model) for question, text in zip(drawn, texts, strict=True)]
    known = {_key(answer): answer for answer in earlier if answer.verdict is not None}
    asked = [(key, text) for key, text in zip(wanted, texts, strict=True) if key not in known]
    again = {key for key, _ in asked}
    write_answers(out, [answer for answer in earlier if _key(answer) not in again])
    unanswered: dict[tuple[int, str, str], Answer] = {}
    with naming(out), out.open("a", encoding="utf-8") as file, progress_bar("judging") as update:
        pool = ThreadPoolExecutor(concurrency)
        try:
            pending = [pool.submit(_ask, endpoint, key, text) for key, text in asked]
            for done, future in enumerate(as_completed(pending), 1):
                try:
                    answer = future.result()
                except OrganizerError as error:
                    kept = "; the answers so far are kept: the same command goes on" if known else ""
                    raise OrganizerError(f"{error}{kept}") from None
                (unanswered if answer.verdict is None else known)[_key(answer)] = answer
                file.write(line_of(answer))
                file.flush()
                os.fsync(file.fileno())
                update(done, len(pending), f"item {answer.item}: {answer.verdict or 'unanswered'}")
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # after an error or Ctrl-C, nobody wants the answers to come
    return [known.get(key) or unanswered[key] for key in wanted]


def _ask(endpoint: Endpoint, key: tuple[int, str, str], text: str) -> Answer:
    item, sha256, model = key
    reply = endpoint.ask(messages(text))
    verdict = None if reply.problem else read_verdict(reply.text)
    if verdict is None:
        reason = reply.problem or "the answer holds no verdict"
        return Answer(item, sha256, model, reply.structured, reply.text, None, reason)
    return Answer(item, sha256, model, reply.structured, reply.text, verdict.decision, verdict.reason)


def _key(answer: Answer) -> tuple[int, str, str]:
    return answer.item, answer.prompt_sha256, answer.model


def _text(outcome: Outcome, answers: Sequence[Answer], out: Path) -> str:
    rate = "no item was answered"
    if outcome.rate is not None:
        rate = f"{outcome.rate:.0%} accepted, 95 % interval {outcome.low:.0%} to {outcome.high:.0%}"
    lines = [
        f"{outcome.decision}: {rate}; {outcome.threshold:.0%} are needed",
        f"{outcome.accepted} accepted, {outcome.rejected} rejected, {outcome.unanswered} unanswered of {len(answers)}",
    ]
    if outcome.decision == "undecided":
        lines.append("the interval holds the threshold: ask about more items (--items), or read the answers")
    for answer in [answer for answer in answers if answer.verdict != "accept"][:SHOWN_REASONS]:
        reason = "".join(c for c in answer.reason if c.isprintable())
        lines.append(f"  item {answer.item}, {answer.verdict or 'unanswered'}: {reason}")
    return "\n".join([*lines, f"answers: {out}"])
