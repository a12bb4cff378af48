"""The judge's answers as lines of a file, their accept rate and its Wilson interval."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

from scipy.stats import binomtest

from e2lm_ingestion.errors import OrganizerError, naming

Decision = Literal["passed", "failed", "undecided"]
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
    seed: int | None = None  # of the sample that it was first drawn for; None in answers of an earlier version


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
    influence_rate: float | None  # of the draws by influence: what carries the score; None if none was answered
    influence_low: float  # Wilson interval, 95 %, over the items drawn
    influence_high: float
    decision: Decision
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


def outcome_of(answers: Sequence[Answer], threshold: float, by_influence: Sequence[int] = ()) -> Outcome:
    """Passed if the whole interval is at or above the threshold, failed if all of it is below, else undecided.

    `by_influence` are the draws of the sample by influence, items with repetition: their rate must reach the threshold
    as well, so that a few items that carry the score do not hide among many others.
    """
    verdicts = [answer.verdict for answer in answers]
    accepted, rejected = verdicts.count("accept"), verdicts.count("reject")
    low, high = wilson(accepted, accepted + rejected)
    influence_rate, influence_low, influence_high = _weighed(answers, by_influence)
    decision = _decision(low, high, threshold)
    if influence_rate is not None:
        decision = max(decision, _decision(influence_low, influence_high, threshold), key=_WORST.index)
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
        influence_rate,
        influence_low,
        influence_high,
        decision,
        marked_right=right,
        marked_wrong=wrong,
        marked_unsure=marked.count("unsure"),
        wrong_rate=wrong / (right + wrong) if right + wrong else None,
        wrong_low=wrong_low,
        wrong_high=wrong_high,
    )


_WORST: tuple[Decision, ...] = ("passed", "undecided", "failed")


def _decision(low: float, high: float, threshold: float) -> Decision:
    return "passed" if low >= threshold else "failed" if high < threshold else "undecided"


def _weighed(answers: Sequence[Answer], draws: Sequence[int]) -> tuple[float | None, float, float]:
    """The accept rate of the draws and its interval, as certain as the number of different items makes it."""
    verdict_of = {answer.item: answer.verdict for answer in answers}
    verdicts = [verdict_of.get(item) for item in draws]
    accepted, answered = verdicts.count("accept"), len(verdicts) - verdicts.count(None)
    if not answered:
        return None, 0.0, 1.0
    rate = accepted / answered
    different = len({item for item, verdict in zip(draws, verdicts, strict=True) if verdict is not None})
    return rate, *wilson(round(rate * different), different)


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
    # Earlier versions did not have these.
    if not isinstance(value, dict) or value.keys() | {"marked", "submission", "seed"} != names:
        raise ValueError
    answer = Answer(**value)
    if not isinstance(answer.item, int) or answer.verdict not in ("accept", "reject", None):
        raise ValueError
    if not isinstance(answer.submission, str) or not isinstance(answer.model, str):
        raise ValueError
    if answer.marked not in ("right", "wrong", "unsure", None):
        raise ValueError
    if answer.seed is not None and type(answer.seed) is not int:
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
