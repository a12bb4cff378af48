"""Reads iterations and training tokens in the names of checkpoints: folders, or revisions on the Hub."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from e2lm.suites.proposal import LEAST
from e2lm_ingestion.errors import OrganizerError

_STEP = re.compile(r"(?:step|steps|iter|iters|iteration|ckpt|checkpoint|ba)[-_=.]?$", re.IGNORECASE)
_TOKENS = re.compile(r"tok(?:en)?s?[-_=.]?$", re.IGNORECASE)
_UNITS = {"K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}


@dataclass(frozen=True, slots=True)
class Series:
    """The checkpoints of a model by iteration, without 0, the untrained model."""

    names: Mapping[int, str]
    pattern: str | None  # such as step-{iteration}; None: no pattern gives all the names
    tokens_per_step: int | None  # a count; None: the names do not state it


def in_range(text: str | None) -> list[int]:
    """The iterations of numbers and ranges such as 1,2,4,1000:143000:1000, without 0. Raises OrganizerError."""
    iterations: set[int] = set()
    for part in (text or "").split(","):
        found = re.fullmatch(r"(\d+)(?::(\d+):(\d+))?", part.strip())
        if found is None or found[3] == "0":
            raise OrganizerError(
                "--iterations: give START:STOP:STEP, both ends included, or numbers, with commas between several, such "
                "as 1000:16000:1000 or 1,2,4,8,16:512:16"
            )
        start = int(found[1])
        iterations |= {start} if found[2] is None else set(range(start, int(found[2]) + 1, int(found[3])))
    return sorted(_trained(dict.fromkeys(iterations, "")))


def in_revisions(names: Iterable[str], pattern: str, repository: str, wanted: str | None) -> Series:
    """The revisions that a pattern such as stage1-step{iteration}-tokens{tokens}B fits; * stands for any text.

    `wanted` are those of --iterations. Raises OrganizerError where none fits, or one iteration has two revisions.
    """
    form = re.compile("".join(map(_form, re.split(r"(\{iteration[^}]*\}|\{tokens[^}]*\}|\*)", pattern))))
    fits = {name: fit for name in names if (fit := form.fullmatch(name))}
    if not fits:
        some = ", ".join(list(names)[:5])
        raise OrganizerError(f"--revision: no revision of {repository} is named so; there are {some}")
    iterations = {name: int(fit["iteration"]) for name, fit in fits.items()}
    kept = set(iterations.values()) if wanted is None else set(in_range(wanted))
    remedy = "write more of the name in --revision"
    found = _trained(_by_iteration({name: one for name, one in iterations.items() if one in kept}, repository, remedy))
    stated = {}
    if unit := re.search(r"\{tokens[^}]*\}([KMBT]?)", pattern):
        stated = {one: (float(fits[name]["tokens"]), _UNITS.get(unit[1], 1)) for one, name in found.items()}
    plain = all(_formatted(pattern, one) == name for one, name in found.items())
    return Series(found, pattern if plain else None, tokens_per_step(stated))


def _form(part: str) -> str:
    if part.startswith("{iteration"):
        return r"(?P<iteration>\d+)"
    if part.startswith("{tokens"):
        return r"(?P<tokens>\d+(?:\.\d+)?)"
    return ".*" if part == "*" else re.escape(part)


def in_folders(names: Iterable[str], folder: str) -> Series:
    """The checkpoints among the names of folders, such as step-1000, iter_0002000 or step1000-tokens4B.

    What is named otherwise than most is left out. Raises OrganizerError where no eight are named alike, or the names do
    not tell which of several numbers is the iteration.
    """
    parts = {name: re.split(r"(\d+)", name) for name in sorted(names)}
    if without := [name for name, own in parts.items() if len(own) == 1]:
        print(f"left out, without a number: {', '.join(without)}")
    texts = {name: tuple(own[::2]) for name, own in parts.items() if len(own) > 1}
    shapes = Counter(texts.values()).most_common()
    odd = [name for name, own in texts.items() if own != shapes[0][0]]
    if not shapes:
        raise OrganizerError(
            f"{folder}: holds no folders with a config.json that have their iteration in the name, such as step-1000"
        )
    if odd and shapes[0][1] < LEAST:
        raise OrganizerError(
            f"{folder}: its folders with a config.json are not named alike ({', '.join(odd[:3])} beside the others), "
            "such as step-1000, step-2000"
        )
    if odd:
        print(f"left out, named otherwise: {', '.join(odd)}")
    shape = shapes[0][0]
    numbers = {name: own[1::2] for name, own in parts.items() if texts.get(name) == shape}
    at = _place_of_iteration(shape, list(numbers.values()), folder)
    iterations = {name: int(own[at]) for name, own in numbers.items()}
    found = _trained(_by_iteration(iterations, folder, "move one of the two elsewhere"))
    stated = {}
    if (place := next((place for place, text in enumerate(shape[:-1]) if _TOKENS.search(text)), None)) is not None:
        unit = _UNITS.get(shape[place + 1][:1].upper(), 1)
        stated = {one: (float(numbers[name][place]), unit) for one, name in found.items()}
    return Series(found, _pattern(shape, at, numbers, found), tokens_per_step(stated))


def _place_of_iteration(shape: Sequence[str], numbers: Sequence[Sequence[str]], folder: str) -> int:
    """Which number of each name is the iteration: the one that changes, or, of several, the one after `step`."""
    changing = [place for place in range(len(shape) - 1) if len({own[place] for own in numbers}) > 1]
    if len(changing) <= 1:
        return changing[0] if changing else len(shape) - 2
    called = [place for place in changing if _STEP.search(shape[place])]
    if len(called) != 1:
        raise OrganizerError(
            f"{folder}: the names of its folders have {len(changing)} numbers that change, and which of them is the "
            "iteration is not clear; write step before it, as in step1000-tokens4B"
        )
    return called[0]


def _pattern(
    shape: Sequence[str], at: int, numbers: Mapping[str, Sequence[str]], found: Mapping[int, str]
) -> str | None:
    """The pattern that gives the name of every iteration; None where none does."""
    some = next(iter(numbers.values()))
    width = max((len(own[at]) for own in numbers.values() if own[at].startswith("0") and int(own[at])), default=0)
    written = [*some[:at], f"{{iteration:0{width}d}}" if width else "{iteration}", *some[at + 1 :]]
    pattern = "".join(text + number for text, number in zip(shape, [*written, ""], strict=True))
    return pattern if all(_formatted(pattern, one) == name for one, name in found.items()) else None


def _formatted(pattern: str, iteration: int) -> str | None:
    try:
        return pattern.format(iteration=iteration)
    except (LookupError, ValueError):
        return None


def names_iterations(pattern: str) -> bool:
    """Whether the pattern gives every iteration a distinct name, as `step{iteration}` does."""
    return _formatted(pattern, 1) not in (None, _formatted(pattern, 2))


def _by_iteration(iterations: Mapping[str, int], where: str, remedy: str) -> dict[int, str]:
    """The name of each iteration, in order. Raises OrganizerError where an iteration has two."""
    found: dict[int, str] = {}
    for name, iteration in iterations.items():
        if iteration in found:
            raise OrganizerError(f"{where}: {found[iteration]} and {name} are both iteration {iteration}; {remedy}")
        found[iteration] = name
    return dict(sorted(found.items()))


def _trained(names: Mapping[int, str]) -> dict[int, str]:
    if 0 in names:
        print("left out: iteration 0, the untrained model")
    return {iteration: name for iteration, name in names.items() if iteration}


def tokens_per_step(stated: Mapping[int, tuple[float, int]]) -> int | None:
    """Training tokens of a step, from (number, unit) by iteration, such as (424, 10**9) for tokens424B.

    Numbers in names are rounded, up or down. Of the counts that fit all of them, the multiple of the largest power of
    two is taken, as batches and lengths are such multiples. None where no single count fits.

    >>> tokens_per_step({1000: (3, 10**9), 101_000: (212, 10**9)})
    2097152
    """
    least = max(((number - 1) * unit / iteration for iteration, (number, unit) in stated.items()), default=1.0)
    most = min(((number + 1) * unit / iteration for iteration, (number, unit) in stated.items()), default=0.0)
    for power in range(60, -1, -1):
        if (count := int(most) >> power << power) >= max(least, 1):
            return count
    return None
