"""Filters applied to a generated text before it is compared with the answers, as in lm-evaluation-harness.

Patterns come from the submission and are untrusted, so steps with a pattern run in the sandbox; see `filtered` in
output_types/generate_until.py.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.sandbox.child import TooSlow, brief, serve, timed, working_on

MAX_TEXT = 100_000  # characters of a filtered text
PROBE_CHARACTERS = 1000  # of a text that patterns are tried on; a model writes 256 tokens by default
MOST_PROBES = 200
_UNITS = ("a", "A", "0", " ", ".", ",", "-", "_", "\n", "a ", "a, ", "0.", "(", "A) ")
_WORDS = re.compile(r"[A-Za-z]{2,}")


def main() -> None:
    """Filter the texts of the request on standard input."""
    serve(_confined)


def _confined(request: dict[str, Any]) -> list[str]:
    location, seconds = request["location"], request["limits"]["seconds_per_document"]
    working_on(location)
    try:
        with timed(seconds):
            run = chain(request["steps"])
    except (re.error, OverflowError, RecursionError) as error:
        raise SubmissionError(f"{location}: not a regular expression: {brief(error)}") from None
    except TooSlow:
        raise SubmissionError(f"{location}: a pattern takes too long to read; simplify it") from None
    texts = []
    for i, (text, options) in enumerate(zip(request["texts"], request["options"], strict=True)):
        try:
            with timed(seconds):
                texts.append(run(text, options)[:MAX_TEXT])
        except TooSlow:
            raise SubmissionError(
                f"{location}: takes more than {seconds:g} s on the text generated for item {i} (counted from 0); "
                "simplify the patterns"
            ) from None
    return texts


def probes(patterns: Sequence[str]) -> list[str]:
    """Texts on which a pattern takes long if it takes long on any: what it reads, repeated, then what it does not.

    A pattern that is slow on some texts alone would tell by its time, or by the error, what a model wrote.
    """
    written = " ".join(patterns)
    words = tuple(dict.fromkeys(_WORDS.findall(written)))
    signs = tuple(dict.fromkeys(c for c in written if not c.isspace() and c not in r"\()[]{}|^$?*+"))
    units = tuple(dict.fromkeys((*_UNITS, *words, *signs, *(f"{word} " for word in words))))
    repeated = [unit * (PROBE_CHARACTERS // len(unit)) for unit in units]
    texts = [start + text + end for start in ("", *words[:8]) for text in repeated for end in ("\x01", "")]
    return texts[:MOST_PROBES]


Step = Callable[[str, Sequence[str]], str]


def chain(steps: Sequence[Mapping[str, Any]]) -> Step:
    """All steps as one function (text, choices of the document) -> text. Raises re.error for an invalid pattern."""
    made = [_STEPS[step["function"]](step) for step in steps]

    def run(text: str, options: Sequence[str]) -> str:
        for step in made:
            text = step(text, options)
        return text

    return run


def _plain(function: Callable[[str], str]) -> Callable[[Mapping[str, Any]], Step]:
    return lambda step: lambda text, options: function(text)


def _regex(step: Mapping[str, Any]) -> Step:
    pattern, fallback = re.compile(step["regex_pattern"]), step["fallback"]

    def run(text: str, options: Sequence[str]) -> str:
        found = _found(pattern, text, step["group_select"])
        if found is None or (not found and pattern.groups > 1):
            return str(fallback)
        return found.strip()

    return run


def _found(pattern: re.Pattern[str], text: str, number: int) -> str | None:
    """Match number `number`, or None. Of a match with several groups, the first group that is not empty."""
    matches = pattern.findall(text)
    if not -len(matches) <= number < len(matches):
        return None
    match = matches[number]
    return next((group for group in match if group), "") if isinstance(match, tuple) else str(match)


def _multi_choice(step: Mapping[str, Any]) -> Step:
    """Find the pattern's match, else a choice's text (returned as its letter in brackets), else a letter after a colon.

    As MultiChoiceRegexFilter of lm-evaluation-harness.
    """
    pattern, number = re.compile(step["regex_pattern"]), step["group_select"]
    ignored = [re.compile(one) for one in step["regexes_to_ignore"]]

    def simplified(text: str) -> str:
        for one in ignored:
            text = one.sub("", text)
        text = text.lower() if step["ignore_case"] else text
        if step["ignore_punctuation"]:
            text = "".join(c for c in text if not unicodedata.category(c).startswith("P"))
        return text

    def run(text: str, options: Sequence[str]) -> str:
        if found := (_found(pattern, text, number) or "").strip():
            return found
        letters = [chr(ord("A") + i) for i in range(len(options))]
        labels = {simplified(option.strip()): f"({letter})" for option, letter in zip(options, letters, strict=True)}
        longest = sorted((re.escape(option) for option in labels), key=len, reverse=True)
        if found := (_found(re.compile("|".join(longest)), simplified(text), number) or "").strip():
            return labels.get(found, found)
        after_colon = re.compile(rf":[\s]*({'|'.join(map(re.escape, letters))})")
        if found := (_found(after_colon, text, number) or "").strip():
            return f"({found})"
        return str(step["fallback"])

    return run


def _mapped(step: Mapping[str, Any]) -> Step:
    mapping, default = step["mapping_dict"], step["default_value"]
    return lambda text, options: str(mapping.get(text, default))


def _removed(step: Mapping[str, Any]) -> Step:
    patterns = [re.compile(pattern) for pattern in step["patterns"]]

    def run(text: str, options: Sequence[str]) -> str:
        for pattern in patterns:
            text = pattern.sub("", text)
        return text

    return run


_STEPS: dict[str, Callable[[Mapping[str, Any]], Step]] = {
    "regex": _regex,
    "multi_choice_regex": _multi_choice,
    "map": _mapped,
    "remove": _removed,  # of exact_match's regexes_to_ignore
    "remove_whitespace": _plain(str.strip),
    "lowercase": _plain(str.lower),
    "uppercase": _plain(str.upper),
    "take_first": _plain(str),  # there is one text for each prompt
    "take_first_k": _plain(str),
    "majority_vote": _plain(str),
}
