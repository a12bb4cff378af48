"""The judge's answers as lines of a file, their accept rate and its Wilson interval."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

from scipy.stats import binomtest

from e2lm_ingestion.errors import OrganizerError, naming

CONFIDENCE = 0.95
MOST_WRONG = 0.1  # share of wrong marked answers; careful benchmarks have been found to have up to a tenth


@dataclass(frozen=True, slots=True)
class Answer:
    """The judge's answer about one item: a line of the file."""

    item: int  # its number, from 0, in the order of the data files
    prompt_sha256: str  # of the prompt without the random fence
    model: str
    structured: str  # schema, json or none: the answer format requested from the endpoint
    raw: str  # the raw answer
    verdict: Literal["accept", "reject"] | None  # None: unanswered
    reason: str  # the judge's reason, or the reason for a missing verdict
    marked: Literal["right", "wrong", "unsure"] | None = None  # whether the marked answer is right
    submission: str = ""  # digest of the submission; an earlier version did not record it


@dataclass(frozen=True, slots=True)
class Outcome:
    """The accept rate of the answered items against the threshold."""

    accepted: int
    rejected: int
    unanswered: int
    threshold: float
    rate: float | None  # None if no item was answered
    low: float  # Wilson interval, 95 %
    high: float
    decision: Literal["passed", "failed", "undecided"]
    marked_right: int
    marked_wrong: int
    marked_unsure: int
    wrong_rate: float | None  # of the answers judged right or wrong; None if there is none
    wrong_low: float  # Wilson interval, 95 %
    wrong_high: float

    @property
    def blocks(self) -> bool:
        """Whether clearly too many marked answers are wrong for a prize."""
        return self.wrong_low > MOST_WRONG

    @property
    def wrong_rate_text(self) -> str:
        """The rate of wrong marked answers with its interval."""
        return f"{self.wrong_rate or 0:.0%} wrong, 95 % interval {self.wrong_low:.0%} to {self.wrong_high:.0%}"


def sample(items: int, count: int, seed: int, sha256: str) -> list[int]:
    """`count` of the item numbers 0 .. items - 1, in the order they are asked.

    Sorted by SHA-256 of seed, submission and number: the same on every machine; a larger sample contains the smaller
    one; without the seed, the sample cannot be predicted.
    """

    def drawn(item: int) -> bytes:
        return hashlib.sha256(f"{seed}:{sha256}:{item}".encode()).digest()

    return sorted(range(items), key=drawn)[:count]


def outcome_of(answers: Sequence[Answer], threshold: float) -> Outcome:
    """Passed if the whole interval is at or above the threshold, failed if all of it is below, else undecided."""
    verdicts = [answer.verdict for answer in answers]
    accepted, rejected = verdicts.count("accept"), verdicts.count("reject")
    low, high = wilson(accepted, accepted + rejected)
    decision: Literal["passed", "failed", "undecided"] = "undecided"
    if low >= threshold:
        decision = "passed"
    elif high < threshold:
        decision = "failed"
    rate = accepted / (accepted + rejected) if accepted + rejected else None
    marked = [answer.marked for answer in answers]
    right, wrong = marked.count("right"), marked.count("wrong")
    wrong_low, wrong_high = wilson(wrong, right + wrong)
    return Outcome(
        accepted,
        rejected,
        verdicts.count(None),
        threshold,
        rate,
        low,
        high,
        decision,
        marked_right=right,
        marked_wrong=wrong,
        marked_unsure=marked.count("unsure"),
        wrong_rate=wrong / (right + wrong) if right + wrong else None,
        wrong_low=wrong_low,
        wrong_high=wrong_high,
    )


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Score interval of a proportion (Wilson 1927), 95 %; (0, 1) without trials."""
    if trials == 0:
        return 0.0, 1.0
    interval = binomtest(successes, trials).proportion_ci(CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)


def read_answers(path: Path) -> list[Answer]:
    """The answers of earlier runs, without an incomplete last line of a killed run.

    Raises OrganizerError for any other file.
    """
    if not path.exists():
        return []
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    except (OSError, UnicodeDecodeError):
        raise OrganizerError(f"{path}: not a readable text file; give another --out") from None
    answers = []
    for number, line in enumerate(lines, 1):
        try:
            answers.append(_answer(json.loads(line)))
        except (ValueError, TypeError):
            if number == len(lines) and not line.endswith("\n"):
                break
            raise OrganizerError(f"{path}, line {number}: not an answer of a judge; give another --out") from None
    return answers


def _answer(value: object) -> Answer:
    names = {field.name for field in fields(Answer)}
    if not isinstance(value, dict) or value.keys() | {"marked", "submission"} != names:  # not in earlier versions
        raise ValueError
    answer = Answer(**value)
    if not isinstance(answer.item, int) or answer.verdict not in ("accept", "reject", None):
        raise ValueError
    if not isinstance(answer.submission, str) or not isinstance(answer.model, str):
        raise ValueError
    if answer.marked not in ("right", "wrong", "unsure", None):
        raise ValueError
    return answer


def wrong_keys(answers: Iterable[Answer], source: str) -> dict[str, str]:
    """Submissions of which a judge finds clearly too many marked answers wrong: digest -> the finding, one line.

    Raises OrganizerError, beginning with `source`, for answers that do not say of which submission they are.
    """
    judged: dict[tuple[str, str], list[Answer]] = {}
    for answer in answers:
        if not answer.submission:
            raise OrganizerError(f"{source}: does not say of which submission the answers are; run e2lm judge again")
        judged.setdefault((answer.submission, answer.model), []).append(answer)
    found = {}
    for (submission, model), own in judged.items():
        outcome = outcome_of(own, threshold=0.0)
        if outcome.blocks:
            found[submission] = f"{model} judges the marked answers of a sample: {outcome.wrong_rate_text}"
    return found


def write_answers(path: Path, answers: Iterable[Answer]) -> None:
    """Replace the file atomically: a killed run leaves the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with naming(part):
        part.write_text("".join(line_of(answer) for answer in answers), encoding="utf-8")
    os.replace(part, path)


def line_of(answer: Answer) -> str:
    """The answer as a line of the file. ASCII, so that no half of a surrogate pair stops the writing."""
    return json.dumps(asdict(answer)) + "\n"
