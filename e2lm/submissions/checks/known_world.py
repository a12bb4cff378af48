"""Finds tasks about a world that a suite's models cannot know: questions about our world on the miniature suite.

A model of the miniature suite has read of invented elements, species, planets and people, and of nothing else. An item
belongs to that world if it has one of their names, or if its choices are answers that belong together there, as in a
question about one of its laws. Single words such as "water" or "iron" are no evidence, for both worlds have them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from e2lm.suites.miniature import vocabulary
from e2lm_ingestion.checks.questions import Finding, Question, some
from e2lm_ingestion.suite import Suite

KIND = "other_world"
LEAST_SHARE = 0.5  # of the items that belong to the invented world; with fewer, chance decides most of the score
_WORD = re.compile(r"[^\W\d_]+")
_WAY_ON = "e2lm run with --suite pythia-small and --disk-budget 10 (e2lm suite list names others)"


def other_world(questions: Sequence[Question], suite: Suite) -> list[Finding]:
    """One finding if most items name nothing that the suite's models were trained on.

    Only the miniature suite's models know so little; a suite of some of them under another name counts too.
    """
    unknown = _unknown(questions)
    if not unknown or not all(model.source.startswith("miniature/") for model in suite.models):
        return []
    whole = len(unknown) == len(questions)
    items = "no item names anything" if whole else f"{len(unknown):,} of {len(questions):,} items name nothing"
    return [
        Finding(
            KIND,
            f"{items} of the invented world that the models of {suite.suite} were trained on (items {some(unknown)}): "
            "they cannot know the answers, so that the scores are chance and show only that the task works; models "
            f"that have read real text, on this machine's processor: {_WAY_ON}",
            tuple(unknown[:10]),
        )
    ]


def other_world_note(questions: Sequence[Question]) -> list[str]:
    """What to know before such a task is run on the miniature suite, for the check against any other suite."""
    if not _unknown(questions):
        return []
    return [
        "the miniature suite's models know only an invented world, so that on them this task scores chance; for real "
        f"scores on this machine's processor: {_WAY_ON}"
    ]


def other_world_in(warnings: Iterable[Mapping[str, Any]]) -> list[str]:
    """The message of `other_world` among the warnings of a run, if it is one of them."""
    return [str(warning["message"]) for warning in warnings if warning["kind"] == KIND]


def _unknown(questions: Sequence[Question]) -> list[int]:
    """The numbers of the items outside the invented world, if they are most."""
    unknown = [question.item for question in questions if not _is_known(question)]
    return unknown if len(unknown) > (1 - LEAST_SHARE) * len(questions) else []


def _is_known(question: Question) -> bool:
    texts = (question.text, *question.choices)
    words = {word.casefold() for text in texts for word in _WORD.findall(text)}
    if not words.isdisjoint(vocabulary.names()):
        return True
    answers = {choice.strip().casefold() for choice in question.choices}
    return any(answers <= together for together in vocabulary.values())
