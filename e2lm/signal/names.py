"""Names of checkpoints and files -> training step, training tokens, and the name of the model without either."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from e2lm_ingestion.errors import OrganizerError

_STEP = re.compile(
    r"(?<![a-z])(?:global[-_]?step|step|iter(?:ation)?|checkpoint|ckpt)s?[-_=]?(\d+)(k?)(?![a-z0-9])", re.IGNORECASE
)
_TOKENS = re.compile(
    r"(?<![a-z])tokens?[-_=]?(\d+(?:\.\d+)?)([kmbgt]?)(?![a-z0-9])"
    r"|(?<![a-z0-9.])(\d+(?:\.\d+)?)([mbgt])(?:[-_]?tok(?:en)?s?|t)(?![a-z0-9])",
    re.IGNORECASE,
)
_SCALE = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9, "t": 1e12}
MAX_STEP = 10**15  # whole numbers up to here are exact in a float
_MODEL_KEYS = ("peft", "delta", "pretrained", "model", "model_name", "path", "engine")  # as lm-evaluation-harness


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a checkpoint is in training."""

    step: int | None
    tokens: float | None


def arguments_of(model_args: str | Mapping[str, object] | None) -> dict[str, str]:
    """`model_args` of lm-evaluation-harness as a mapping; versions write a text or an object.

    >>> arguments_of("pretrained=EleutherAI/pythia-1b,revision=step1000")
    {'pretrained': 'EleutherAI/pythia-1b', 'revision': 'step1000'}
    """
    if isinstance(model_args, Mapping):
        return {str(key): str(value) for key, value in model_args.items()}
    parts = [part.partition("=") for part in (model_args or "").split(",") if "=" in part]
    return {key.strip(): value.strip() for key, _, value in parts}


def model_of(arguments: Mapping[str, str], fallback: str) -> str:
    """The model's name or path in `model_args`, with the step in it if it has one."""
    return next((arguments[key] for key in _MODEL_KEYS if arguments.get(key)), fallback)


def progress_of(
    checkpoint: Sequence[tuple[str, str]], path: Sequence[str], *, location: str, pattern: str | None = None
) -> Progress:
    """The step and tokens of a checkpoint, from what describes it or else from the folders and file of its results.

    `checkpoint` has (key, value) such as ("revision", "step1000"); `path` are names of folders, the file last. With a
    `pattern`, a regular expression with one group, only that decides. Raises OrganizerError naming `location` when
    there is no step, or more than one.
    """
    described, folders = ", ".join(f"{key}={value}" for key, value in checkpoint), "/".join(path)
    if pattern is not None:
        return Progress(_by_pattern(pattern, (described, folders), location), _tokens([described, folders]))
    named = [value for _, value in checkpoint]
    found = _steps(named) or _numbers(named)
    steps = {**found, **_steps(path)}
    if len(steps) > 1:
        each = " and ".join(f"{text} (step {step:,})" for step, text in steps.items())
        raise OrganizerError(
            f"{location}: {each} are both steps; give --step with the one that counts, such as "
            f"--step '{_as_pattern(next(iter(steps.values())))}'"
        )
    if any(step > MAX_STEP for step in steps):
        raise OrganizerError(f"{location}: {next(iter(steps.values()))[:60]} is not a training step; give --step")
    tokens = _tokens(named)
    if tokens is None:
        tokens = _tokens(path)
    if not steps and tokens is None:
        seen = f"neither {described!r} nor the path names" if described else "the path does not name"
        raise OrganizerError(
            f"{location}: {seen} a training step, such as step1000 or iter_0004000; give --step with a pattern "
            r"for it, such as --step 'revision=(\d+)'"
        )
    return Progress(next(iter(steps), None), tokens)


def without_step(name: str) -> str:
    """A model's name or path without the folder or ending that names the checkpoint.

    >>> [without_step(name) for name in ("a/dense-1b/iter_0004000", "olmo-1b-step1000-tokens5B", "EleutherAI/pythia")]
    ['a/dense-1b', 'olmo-1b', 'EleutherAI/pythia']
    """
    kept: list[str] = []
    for part in re.split(r"[/\\]", name.rstrip("/\\")):
        found = _STEP.search(part) or _TOKENS.search(part)
        short = part[: found.start()].rstrip("-_.") if found else part
        if short or not (found or kept):
            kept.append(short)
    if len(kept) > 1 and kept[-1].isdigit():
        kept.pop()
    return "/".join(kept) or name


def short_names(names: Sequence[str]) -> dict[str, str]:
    """Each model's path -> its last folder, where no other model ends in the same; names of the Hub stay whole.

    >>> short_names(["/data/dense-1b", "/data/dense-3b", "EleutherAI/pythia-1b"])["/data/dense-1b"]
    'dense-1b'
    """
    distinct = list(dict.fromkeys(names))
    last = {name: name if name.count("/") == 1 and name[0] not in "/.~" else Path(name).name for name in distinct}
    endings = list(last.values())
    return {name: ending if ending and endings.count(ending) == 1 else name for name, ending in last.items()}


def names_a_step(text: str) -> bool:
    """Whether a file's name tells a step.

    >>> names_a_step("1b_step1000.json"), names_a_step("tokenizer.json")
    (True, False)
    """
    return _STEP.search(text) is not None


def tokens_from_text(text: str) -> float | None:
    """Tokens that a text names, such as "tokens5B" or "200GT"; None where it names none.

    >>> tokens_from_text("stage1-step1000-tokens5B"), tokens_from_text("pythia-410m")
    (5000000000.0, None)
    """
    found = _TOKENS.search(text)
    if found is None:
        return None
    number, unit = (found[1], found[2]) if found[1] else (found[3], found[4])
    return float(number) * _SCALE[unit.lower()]


def step_pattern(pattern: str) -> re.Pattern[str]:
    """The expression of --step. Raises OrganizerError when it is none, or has not one group."""
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise OrganizerError(f"--step {pattern!r}: not a regular expression: {error}") from None
    if compiled.groups != 1:
        raise OrganizerError(rf"--step {pattern!r}: needs one group around the number, such as 'step(\d+)'")
    return compiled


def _by_pattern(pattern: str, texts: Sequence[str], location: str) -> int:
    compiled = step_pattern(pattern)
    values = dict.fromkeys(match for text in texts for match in compiled.findall(text))
    if len(values) != 1:
        found = f"finds {', '.join(values)}" if values else "finds nothing"
        raise OrganizerError(f"{location}: --step {pattern!r} {found} in {' and '.join(map(repr, texts))}")
    value = next(iter(values))
    if not (value.isascii() and value.isdigit() and int(value) <= MAX_STEP):
        raise OrganizerError(rf"{location}: --step {pattern!r} finds {value[:60]!r}, not a step; use (\d+)")
    return int(value)


def _steps(texts: Sequence[str]) -> dict[int, str]:
    """Every step that the texts name, and how it is written there."""
    matches = [match for text in texts for match in _STEP.finditer(text)]
    return {int(match[1]) * (1000 if match[2] else 1): match[0] for match in matches}


def _numbers(texts: Sequence[str]) -> dict[int, str]:
    """Steps written as a checkpoint's whole name: `my-model/4000`."""
    endings = [re.split(r"[/\\]", text.rstrip("/\\"))[-1] for text in texts]
    return {int(ending): ending for ending in endings if ending.isascii() and ending.isdigit()}


def _tokens(texts: Sequence[str]) -> float | None:
    found = [tokens for tokens in map(tokens_from_text, texts) if tokens is not None]
    return found[0] if found else None


def _as_pattern(text: str) -> str:
    return re.sub(r"\d+", r"(\\d+)", re.escape(text).replace(r"\-", "-"), count=1)
