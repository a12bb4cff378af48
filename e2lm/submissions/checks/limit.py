"""Warns when a task does not fit an edition's time limit, and says what would."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from e2lm_ingestion.checks.questions import Finding, Question
from e2lm_ingestion.forecast import duration
from e2lm_ingestion.forecast.hardware import Machine
from e2lm_ingestion.forecast.volume import Volume
from e2lm_ingestion.output_types.items import MIN_ITEMS
from e2lm_ingestion.suite import Suite


@dataclass(frozen=True, slots=True)
class Size:
    """What a participant can make smaller."""

    items: int
    shots: int
    example_tokens: int  # of the examples of all requests
    unique_example_tokens: int  # of the examples that differ
    max_written_tokens: int  # of one generation; 0 where none is written


def example_tokens(questions: Sequence[Question], volume: Volume) -> tuple[int, int]:
    """Tokens of the examples in all requests and in those that differ, estimated from characters."""
    requests = volume.requests / max(1, len(questions))
    characters = sum(len(question.head) for question in questions) * requests
    different = sum(map(len, {question.head for question in questions}))
    most = volume.unique_tokens
    return round(characters / volume.characters_per_token), min(most, round(different / volume.characters_per_token))


def over_limit(suite: Suite, volume: Volume, size: Size, machine: Machine, limit: float) -> list[Finding]:
    """A warning when the forecast exceeds `limit` minutes."""

    def fits(smaller: Volume) -> bool:
        minutes = duration.minutes(suite, smaller, machine)
        return minutes is not None and minutes <= limit

    minutes = duration.minutes(suite, volume, machine)
    if minutes is None or minutes <= limit:
        return []
    remedies = list(_remedies(volume, size, fits))
    what = f"what would fit: {', or '.join(remedies)}" if remedies else "write fewer items and shorter prompts"
    most = " if every text has max_gen_toks tokens" if volume.written_tokens else ""
    return [
        Finding(
            "over_time_limit",
            f"does not fit the time limit: the forecast is {minutes:,.0f} minutes on {machine.label}{most}, and a "
            f"submission may take {limit:,.0f}; {what}",
        )
    ]


def _remedies(volume: Volume, size: Size, fits: Callable[[Volume], bool]) -> Iterator[str]:
    items = _largest(size.items, lambda count: fits(duration.scaled(volume, count / size.items)))
    if items >= MIN_ITEMS:
        yield f"{_rounded_down(items):,} items"
    shots = _first(range(size.shots - 1, -1, -1), lambda count: fits(_with_shots(volume, size, count)))
    if shots is not None:
        yield "no examples (num_fewshot: 0)" if shots == 0 else f"{shots} {'shot' if shots == 1 else 'shots'}"
    written = _largest(size.max_written_tokens, lambda count: fits(_writing_less(volume, size, count)))
    if written:
        yield f"max_gen_toks: {written}"


def _with_shots(volume: Volume, size: Size, shots: int) -> Volume:
    removed = 1 - shots / size.shots
    return replace(
        volume,
        tokens=volume.tokens - round(removed * size.example_tokens),
        unique_tokens=volume.unique_tokens - round(removed * size.unique_example_tokens),
    )


def _writing_less(volume: Volume, size: Size, tokens: int) -> Volume:
    return replace(volume, written_tokens=volume.written_tokens * tokens // size.max_written_tokens)


def _largest(most: int, fits: Callable[[int], bool]) -> int:
    """The largest count below `most` that fits, where every smaller one does too; 0 if none does."""
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _first(counts: Iterable[int], fits: Callable[[int], bool]) -> int | None:
    return next((count for count in counts if fits(count)), None)


def _rounded_down(items: int) -> int:
    """Two digits, so that a forecast does not look more precise than it is.

    >>> _rounded_down(12_345), _rounded_down(987)
    (12000, 980)
    """
    unit = int(10 ** max(0, len(str(items)) - 2))
    return items // unit * unit
