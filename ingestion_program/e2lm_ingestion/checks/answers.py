"""Whether the right answer shows in what it should not show in: the prompt, its position, a twin among the choices."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from e2lm_ingestion.checks.questions import Finding, Question, normalized, some

LARGEST_P = 0.001  # a finding is no accident of a hundred items
SMALLEST_EFFECT = 0.02  # and worth a change even where 15,000 items make anything significant


def identical_choices(questions: Sequence[Question]) -> list[Finding]:
    """Items where two choices are the same text: both get the same log-likelihood."""
    found = [q.item for q in questions if len(set(map(str.strip, q.choices))) < len(q.choices)]
    if not found:
        return []
    return [
        Finding(
            "identical_choices",
            f"{len(found):,} items have the same choice twice (items {some(found)}): one of the two can never win; "
            "make them differ or leave one out",
            tuple(found[:10]),
        )
    ]


def stated_answers(questions: Sequence[Question]) -> tuple[list[Finding], dict[str, float]]:
    """How often an item's text states the right choice and, on average, a wrong one, as whole words."""
    gold_stated, differences, found = 0.0, [], []
    for question in questions:
        text = normalized(question.text)
        stated = [_states(text, normalized(choice)) for choice in question.choices]
        right = [stated[i] for i in question.gold]
        gold = sum(right) / len(right)
        others = (sum(stated) - sum(right)) / max(1, len(stated) - len(right))
        gold_stated += gold
        differences.append(gold - others)
        if gold > others:
            found.append(question.item)
    count = len(questions)
    excess = sum(differences) / count
    error = math.sqrt(sum((d - excess) ** 2 for d in differences) / count / count)
    rates = {"right": gold_stated / count, "wrong": gold_stated / count - excess}
    if excess < SMALLEST_EFFECT or excess < 3.3 * error:
        return [], rates
    return [
        Finding(
            "answer_in_prompt",
            f"the question states the right choice in {rates['right']:.0%} of the items, a wrong one in "
            f"{rates['wrong']:.0%} (items {some(found)}): copying would score; reword them",
            tuple(found[:10]),
        )
    ], rates


def _states(text: str, choice: str) -> bool:
    """Whether the choice stands in the text, not within a longer word. A single letter is a label, not a statement."""
    if len(choice) < 2:
        return False
    at = text.find(choice)
    while at >= 0:
        end = at + len(choice)
        before, after = text[at - 1 : at], text[end : end + 1]
        if not (before.isalnum() and choice[0].isalnum()) and not (after.isalnum() and choice[-1].isalnum()):
            return True
        at = text.find(choice, at + 1)
    return False


def favored_position(questions: Sequence[Question]) -> tuple[list[Finding], list[int]]:
    """Chi-square test that the right choice is as often first as second and so on; items per position.

    Items with different numbers of choices are tested apart and their statistics and degrees of freedom added. A
    position matters to a model only where the prompt lists the choices or they are the same labels everywhere: in a
    cloze task every choice is scored alone, so nothing is reported.
    """
    positions = Counter(gold for question in questions for gold in question.gold)
    counts = [positions[i] for i in range(max(len(question.choices) for question in questions))]
    if any(len(question.gold) > 1 for question in questions):  # then positions of one item are not independent
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
    from scipy.special import chdtrc  # not at the top: a command that is refused ends a second earlier

    if chdtrc(freedom, statistic) > LARGEST_P or share - fair < SMALLEST_EFFECT or not _positions_show(questions):
        return [], counts
    return [
        Finding(
            "favored_position",
            f"choice {favored} (counted from 0) is right in {share:.0%} of the items, {fair:.0%} would be even "
            f"(chi-square {statistic:.0f}, {freedom} degrees of freedom): shuffle the choices",
        )
    ], counts


def _positions_show(questions: Sequence[Question]) -> bool:
    """Whether a model can tell a position: labels that are the same everywhere, or choices listed in the question."""
    labels = questions[0].choices
    if all(question.choices == labels[: len(question.choices)] for question in questions):
        return True
    sample = questions[:: max(1, len(questions) // 1000)]
    listed = sum(all(choice.strip() in question.text for choice in question.choices) for question in sample)
    return listed > len(sample) / 2
