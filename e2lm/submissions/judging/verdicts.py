"""The judge's answers as lines of a file, and what they say together: the accept rate and its Wilson interval."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

from scipy.stats import binomtest

from e2lm_ingestion.errors import OrganizerError, naming

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Answer:
    """What was asked and answered about one item: a line of the file."""

    item: int  # its number, from 0, in the order of the data files
    prompt_sha256: str  # of all that the judge read but the random fence
    model: str
    structured: str  # schema, json or none: what the endpoint was asked to keep to
    raw: str  # the answer as it came
    verdict: Literal["accept", "reject"] | None  # None: unanswered
    reason: str  # the judge's, or why there is no verdict


@dataclass(frozen=True, slots=True)
class Outcome:
    """The accept rate of the answered items against the threshold."""

    accepted: int
    rejected: int
    unanswered: int
    threshold: float
    rate: float | None  # None where nothing was answered
    low: float  # Wilson interval, 95 %
    high: float
    decision: Literal["passed", "failed", "undecided"]


def sample(items: int, count: int, seed: int, sha256: str) -> list[int]:
    """`count` of the item numbers 0 .. items - 1, in the order they are asked.

    Sorted by SHA-256 of seed, submission and number: the same on every machine, a larger sample holds the smaller one,
    and who does not know the seed cannot tell which items will be asked.
    """

    def drawn(item: int) -> bytes:
        return hashlib.sha256(f"{seed}:{sha256}:{item}".encode()).digest()

    return sorted(range(items), key=drawn)[:count]


def outcome_of(answers: Iterable[Answer], threshold: float) -> Outcome:
    """Passed where the whole interval reaches the threshold, failed where none of it does, else undecided."""
    verdicts = [answer.verdict for answer in answers]
    accepted, rejected = verdicts.count("accept"), verdicts.count("reject")
    low, high = wilson(accepted, accepted + rejected)
    decision: Literal["passed", "failed", "undecided"] = "undecided"
    if low >= threshold:
        decision = "passed"
    elif high < threshold:
        decision = "failed"
    rate = accepted / (accepted + rejected) if accepted + rejected else None
    return Outcome(accepted, rejected, verdicts.count(None), threshold, rate, low, high, decision)


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Score interval of a proportion (Wilson 1927), 95 %; (0, 1) where nothing was tried."""
    if trials == 0:
        return 0.0, 1.0
    interval = binomtest(successes, trials).proportion_ci(CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)


def read_answers(path: Path) -> list[Answer]:
    """The answers of earlier runs; a last line that a killed run left half written is left out.

    Raises OrganizerError for a file that is something else.
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
            raise OrganizerError(f"{path}, line {number}: no answer of a judge; give another --out") from None
    return answers


def _answer(value: object) -> Answer:
    if not isinstance(value, dict) or value.keys() != {field.name for field in fields(Answer)}:
        raise ValueError
    answer = Answer(**value)
    if not isinstance(answer.item, int) or answer.verdict not in ("accept", "reject", None):
        raise ValueError
    return answer


def write_answers(path: Path, answers: Iterable[Answer]) -> None:
    """Replace the file at once: a run that is killed leaves the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with naming(part):
        part.write_text("".join(line_of(answer) for answer in answers), encoding="utf-8")
    os.replace(part, path)


def line_of(answer: Answer) -> str:
    """The answer as a line of the file. ASCII, so that no half of a surrogate pair stops the writing."""
    return json.dumps(asdict(answer)) + "\n"
