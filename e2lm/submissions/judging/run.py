"""Asks a language model about items; each answer is written to a file as soon as it arrives."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path

from e2lm.submissions.judging.endpoint import Endpoint
from e2lm.submissions.judging.prompt import described, messages, prompt_hash, read_verdict
from e2lm.submissions.judging.verdicts import Answer, line_of, read_answers, write_answers
from e2lm.terminal.progress import progress_bar
from e2lm_ingestion import checks
from e2lm_ingestion.checks.questions import Question
from e2lm_ingestion.errors import OrganizerError, naming
from e2lm_ingestion.output_types.items import items_by_task
from e2lm_ingestion.submission.submission import Submission


def questions_in(submission: Submission) -> list[Question]:
    """All items, each with its own text separate from the few-shot examples before it."""
    return checks.questions_in(items_by_task(submission))


def judge(
    drawn: Sequence[Question],
    endpoint: Endpoint,
    model: str,
    out: Path,
    concurrency: int,
    *,
    submission: str = "",
    seed: int | None = None,
) -> list[Answer]:
    """An answer for each question, in the same order; each is written to the file as soon as it arrives.

    Answers already in the file, by the same model to the same prompt, are reused. Each answer records the digest of the
    `submission`, a new one also the `seed` of the sample.
    """
    earlier = read_answers(out)
    texts = [described(question) for question in drawn]
    wanted = [(question.item, prompt_hash(text), model) for question, text in zip(drawn, texts, strict=True)]
    known = {_key(answer): answer for answer in earlier if answer.verdict is not None}
    asked = [(key, text) for key, text in zip(wanted, texts, strict=True) if key not in known]
    again = {key for key, _ in asked}
    known |= {key: replace(known[key], submission=submission) for key in wanted if key in known}
    write_answers(out, [known.get(_key(answer), answer) for answer in earlier if _key(answer) not in again])
    unanswered: dict[tuple[int, str, str], Answer] = {}
    with naming(out), out.open("a", encoding="utf-8") as file, progress_bar("judging") as update:
        pool = ThreadPoolExecutor(concurrency)
        try:
            pending = [pool.submit(_ask, endpoint, key, text, seed) for key, text in asked]
            for done, future in enumerate(as_completed(pending), 1):
                try:
                    answer = replace(future.result(), submission=submission)
                except OrganizerError as error:
                    kept = "; the answers so far are kept: the same command goes on" if known else ""
                    raise OrganizerError(f"{error}{kept}") from None
                (unanswered if answer.verdict is None else known)[_key(answer)] = answer
                file.write(line_of(answer))
                file.flush()
                os.fsync(file.fileno())
                update(done, len(pending), f"item {answer.item}: {answer.verdict or 'unanswered'}")
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # after an error or Ctrl-C, pending answers are not needed
    return [known.get(key) or unanswered[key] for key in wanted]


def _ask(endpoint: Endpoint, key: tuple[int, str, str], text: str, seed: int | None) -> Answer:
    item, sha256, model = key
    reply = endpoint.ask(messages(text))
    verdict = None if reply.problem else read_verdict(reply.text)
    if verdict is None:
        reason = reply.problem or "the answer contains no verdict"
        return Answer(item, sha256, model, reply.structured, reply.text, None, reason, seed=seed)
    return Answer(
        item, sha256, model, reply.structured, reply.text, verdict.decision, verdict.reason, verdict.marked, seed=seed
    )


def _key(answer: Answer) -> tuple[int, str, str]:
    return answer.item, answer.prompt_sha256, answer.model
