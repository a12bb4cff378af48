"""Finds right answers that the prompt states, that many items share, that favor a position, or that stand twice."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import replace

from e2lm_ingestion.checks.questions import Finding, Question, normalized, rarer_words, some, words_of
from e2lm_ingestion.task.task_parts import Filter

LARGEST_P = 0.001  # significance level of a finding
SEVERAL = 3  # right answers of an item
ALIKE = 5  # items with the same right answers
NEAR = 12  # words around a word of the question in which its answer may stand
MOST_COMPARED = 3000  # items of which the text before the question is searched
_LONG = 8  # letters of a choice that is looked for without spaces
_SPELLED = re.compile(r"(?<!\S)\S(?: \S)+(?!\S)")
SMALLEST_EFFECT = 0.02  # minimum effect, because with 15,000 items a negligible one is significant


def identical_choices(questions: Sequence[Question]) -> list[Finding]:
    """Items with two identical choices, which get the same log-likelihood."""
    found = [q.item for q in questions if len(set(map(str.strip, q.choices))) < len(q.choices)]
    if not found:
        return []
    return [
        Finding(
            "identical_choices",
            f"{len(found):,} items have the same choice twice (items {some(found)}): both get the same log-likelihood; "
            "make them differ or remove one",
            tuple(found[:10]),
        )
    ]


def stated_answers(questions: Sequence[Question]) -> tuple[list[Finding], dict[str, float]]:
    """Compare how often an item's text contains the right choice and, on average, a wrong one, however it is written.

    Returns findings and the two rates, "right" and "wrong".
    """
    rates, found = _stated(questions)
    if not found:
        return [], rates
    return [
        Finding(
            "answer_in_prompt",
            f"the question states the right choice in {rates['right']:.0%} of the items, a wrong one in "
            f"{rates['wrong']:.0%} (items {some(found)}): copying from the question would score; reword them",
            tuple(found[:10]),
            blocks=True,
        )
    ], rates


def told_before_the_question(questions: Sequence[Question]) -> list[Finding]:
    """Items whose right choice stands beside their rarer words in the description or in the examples: a crib.

    The same comparison as that of `stated_answers`, of the words around each place where the text before the question
    has a rarer word of the item. Of a large task, an evenly spaced part is looked at.
    """
    sample = questions[:: math.ceil(len(questions) / MOST_COMPARED)]
    rare = rarer_words([normalized(question.text) for question in sample])
    before = [question.head.replace(question.description, "", 1) for question in sample]  # that is the item's own text
    words = {text: words_of(text) for text in set(before)}
    near = [
        replace(question, text=_around(words[text], own))
        for question, text, own in zip(sample, before, rare, strict=True)
    ]
    rates, found = _stated(near)
    if not found:
        return []
    return [
        Finding(
            "answer_before_question",
            "the description or the examples have the right choice beside words of the question in "
            f"{rates['right']:.0%} of the items, a wrong one in {rates['wrong']:.0%} (items {some(found)}): copying "
            "from there would score; leave out what answers the items",
            tuple(found[:10]),
            blocks=True,
        )
    ]


def _around(words: Sequence[str], rare: Set[str]) -> str:
    """The words within NEAR of a rare one."""
    places = [place for place, word in enumerate(words) if word in rare]
    return "\n".join(" ".join(words[max(0, place - NEAR) : place + NEAR + 1]) for place in places)


def _stated(questions: Sequence[Question]) -> tuple[dict[str, float], list[int]]:
    """How often the texts contain the right choice and a wrong one, and the items where the right one is ahead.

    Where a model writes, the wrong choices are the right answers of three other items, evenly spaced. No items where
    the difference is below SMALLEST_EFFECT or 3.3 standard errors (p = 0.001, two-sided).
    """
    gold_stated, differences, found = 0.0, [], []
    for number, question in enumerate(questions):
        text = _Text(normalized(question.text))
        stated = {choice: text.states(normalized(choice)) for choice in question.choices}
        right = [stated[question.choices[i]] for i in question.gold]
        gold = sum(right) / len(right)
        wrong = [stated[choice] for i, choice in enumerate(question.choices) if i not in question.gold]
        if len(question.gold) == len(question.choices):
            others = (questions[(number + step * len(questions) // 4) % len(questions)] for step in (1, 2, 3))
            wrong = [text.states(normalized(choice)) for other in others for choice in other.choices]
        elsewhere = sum(wrong) / max(1, len(wrong))
        gold_stated += gold
        differences.append(gold - elsewhere)
        if gold > elsewhere:
            found.append(question.item)
    count = len(questions)
    excess = sum(differences) / count
    error = math.sqrt(sum((d - excess) ** 2 for d in differences) / count / count)
    rates = {"right": gold_stated / count, "wrong": gold_stated / count - excess}
    return rates, [] if excess < SMALLEST_EFFECT or excess < 3.3 * error else found


class _Text:
    """A normalized text, in the three ways in which it may state a choice."""

    def __init__(self, text: str) -> None:
        self._words = f" {text} "
        self._joined = text.replace(" ", "")
        self._spelled = set(_SPELLED.sub(lambda found: found.group().replace(" ", ""), text).split())

    def states(self, choice: str) -> bool:
        """Whether it has a normalized choice as whole words, spelled letter by letter, or with other spaces in it.

        A single character is a label and never counts; a short choice with other spaces is found in many words.
        """
        joined = choice.replace(" ", "")
        if len(joined) < 2:
            return False
        return (
            f" {choice} " in self._words or joined in self._spelled or (len(joined) >= _LONG and joined in self._joined)
        )


def interchangeable_answers(questions: Sequence[Question], filters: Sequence[Filter] = ()) -> list[Finding]:
    """Items whose several right answers are those of many other items too, as "any color" for every color.

    A finding, which blocks a prize, where half of the items have at least SEVERAL right answers that are exactly those
    of at least ALIKE items. Different texts that a step of `filters` maps to a right answer are answers of their own.
    """
    mapped = {key: value for step in filters if step.function == "map" for key, value in step.mapping_dict.items()}
    ways = Counter(value for value, _ in {(value, normalized(key)) for key, value in mapped.items()})
    rights = [frozenset(normalized(question.choices[i]) for i in question.gold) for question in questions]
    counts = Counter(rights)
    found = [
        question.item
        for question, right in zip(questions, rights, strict=True)
        if sum(max(1, ways[question.choices[i]]) for i in question.gold) >= SEVERAL and counts[right] >= ALIKE
    ]
    if len(found) < len(questions) / 2:
        return []
    return [
        Finding(
            "interchangeable_answers",
            f"{len(found):,} items have {SEVERAL} or more right answers, the same as many other items (items "
            f"{some(found)}): an answer of the right kind counts, known or not; keep what is right for the item alone",
            tuple(found[:10]),
            blocks=True,
        )
    ]


def favored_position(questions: Sequence[Question]) -> tuple[list[Finding], list[int]]:
    """Pearson's chi-square test that the right choice is equally often at each position.

    Returns findings and the number of right choices at each position. The statistic is computed for each number of
    choices; statistics and degrees of freedom are summed. Nothing is reported for a cloze task, where the model scores
    each choice alone and cannot see its position (see `_positions_show`).
    """
    positions = Counter(gold for question in questions for gold in question.gold)
    counts = [positions[i] for i in range(max(len(question.choices) for question in questions))]
    if any(len(question.gold) > 1 for question in questions):  # the positions of one item are not independent
        return [], counts
    statistic, freedom = 0.0, 0
    for size in {len(question.choices) for question in questions}:
        golds = Counter(question.gold[0] for question in questions if len(question.choices) == size)
        expected = golds.total() / size
        statistic += sum((golds[i] - expected) ** 2 / expected for i in range(size))
        freedom += size - 1
    favored = max(positions, key=lambda position: positions[position])
    share = positions[favored] / len(questions)
    fair = sum(1 / len(q.choices) for q in questions if favored < len(q.choices)) / len(questions)
    from scipy.special import chdtrc  # imported here: the import takes a second, which a refused submission saves

    if chdtrc(freedom, statistic) > LARGEST_P or share - fair < SMALLEST_EFFECT or not _positions_show(questions):
        return [], counts
    return [
        Finding(
            "favored_position",
            f"choice {favored} (counted from 0) is right in {share:.0%} of the items, but {fair:.0%} are expected "
            f"(chi-square {statistic:.0f}, {freedom} degrees of freedom): shuffle the choices",
        )
    ], counts


def _positions_show(questions: Sequence[Question]) -> bool:
    """Whether the model can see positions: all items have the same labels, or the questions list the choices."""
    labels = questions[0].choices
    if all(question.choices == labels[: len(question.choices)] for question in questions):
        return True
    sample = questions[:: max(1, len(questions) // 1000)]
    listed = sum(all(choice.strip() in question.text for choice in question.choices) for question in sample)
    return listed > len(sample) / 2
