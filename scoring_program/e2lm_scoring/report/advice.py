"""What to do next: rules that read a score report and say what would raise the score, and why.

Each rule is a function of the score report, as its reader may see it, and of what is shown on one's own machine alone.
It returns nothing where it does not apply. A new rule is a function and its place in RULES; docs/better.md explains it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from e2lm_scoring.formulas.improvement_gate import ENDS, HOPELESS
from e2lm_scoring.own_machine import OwnMachine
from e2lm_scoring.report.reveal import early_part
from e2lm_scoring.report.scales import score_text
from e2lm_scoring.score_report import Curve, ItemTable, ScoreReport

FALLS = -2.0  # standard errors of improvement from which a curve is said to fall
NEVER = 0.95  # share of items at the lowest score at every checkpoint
LATE_START = 1 / 3  # share of the early window at chance from which the start is said to be lost
CEILING = 0.97  # a score from which two models have no room to differ, of a highest possible 1
LOW_CS = 0.25
LATE_LEARNING = 0.35  # mean height of a curve in its own range, below which most of the rise comes late
MOST_ITEMS = 15_000
MOST_NAMED = 4  # subsets in a title
HURTS = -0.02  # effect of a subset on SQ
CARRIES = 0.5  # share of SQ that is lost without one subset
FEW, MOST_OF_THE_RISE = 0.1, 0.6  # share of the items, share of the rise that they carry
OTHER_WORLD = "of the invented world that the models of"  # of a warning of e2lm check
WORTH = 0.02  # what another metric must add to the score
FLUENCY = 0.5  # label share below which most of the rise is no knowledge
KNOWLEDGE = 0.8  # label share that a metric needs to be recommended


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to do."""

    rule: str  # anchor of its section in docs/better.md
    title: str
    what: str  # what was seen, with numbers
    do: str
    seen_in: str  # id of the heading in the report where it can be seen


Rule = Callable[[ScoreReport, OwnMachine], Advice | None]


def advise(score_report: ScoreReport, own_machine: OwnMachine) -> list[Advice]:
    """The advice of every rule that applies, the most urgent first."""
    if (elsewhere := other_world(score_report)) is not None:
        return [elsewhere]  # where models guess, no other rule has anything to see
    given = (rule(score_report, own_machine) for rule in RULES)
    return [advice for advice in given if advice is not None]


def other_world(score_report: ScoreReport) -> Advice | None:
    """The items ask about a world that the suite's models were not trained on."""
    if not any(OTHER_WORLD in warning for warning in score_report.warnings):
        return None
    return Advice(
        "other-world",
        "These models cannot know the answers",
        "The items ask about the real world, and this suite's models were trained on an invented one: they guess.",
        "Take this run as a sign that the task works, and its scores for chance. Run the task on models that have "
        "read real text, such as those of the suites pythia-small and e2lm-2025-laptop.",
        "warnings-heading",
    )


def never_right(score_report: ScoreReport, own_machine: OwnMachine) -> Advice | None:
    """Almost no item is ever right: the form of the answer, not the knowledge, is missing."""
    table = score_report.table
    if table is None or (share := float(np.mean(_at_the_lowest(table)))) < NEVER:
        return None
    wrote = _written_most(own_machine)
    seen = f" At the last early checkpoint the models wrote most often: {wrote}." if wrote else ""
    return Advice(
        "never-right",
        "Almost nothing is ever right",
        f"{share:.0%} of the items have the lowest score at every early checkpoint.{seen}",
        "Compare what is expected with what models write or prefer: a space, a full stop or a line too much is "
        "wrong. Show the form in few-shot examples, extract the answer with a filter, or give choices instead.",
        "items-heading",
    )


def falls(score_report: ScoreReport, own_machine: OwnMachine) -> Advice | None:
    """The scores get worse as models train."""
    z = score_report.scores["improvement_z"]
    if z > FALLS:
        return None
    return Advice(
        "falls",
        "The scores fall",
        f"From the first early checkpoints to the last, the score falls by {-z:.1f} standard errors.",
        "Models move away from what is marked as right. Look at the items that fall: are the labels right, is the "
        "wrong answer the likelier text, does a rule of thumb lead astray? Where lower values are better, "
        "say so with higher_is_better: false.",
        "sq-heading",
    )


def flat_at_chance(score_report: ScoreReport, own_machine: OwnMachine) -> Advice | None:
    """The curve is at chance for a good part of the early window."""
    curves = _signal_curves(score_report)
    never = never_right(score_report, own_machine) is not None  # says more
    if score_report.chance is None or not curves or score_report.scores["improvement_z"] <= FALLS or never:
        return None
    at_chance = np.mean([_start_at_chance(curve, score_report.chance) for curve in curves])
    checkpoints = len(curves[0].scores)
    if at_chance < LATE_START * checkpoints:
        return None
    if at_chance > checkpoints - ENDS:
        seen = f"The scores stay at chance ({score_text(score_report.chance)}) over the whole early window."
    else:
        tokens = curves[0].tokens[int(at_chance)]
        seen = (
            f"The scores stay at chance ({score_text(score_report.chance)}) until {tokens:.0f} billion tokens, "
            f"{at_chance:.0f} of {checkpoints} early checkpoints."
        )
    return Advice(
        "flat-at-chance",
        "Flat at chance",
        seen,
        "Small models cannot yet do this. If the choices are letters, score the texts of the answers, without a list "
        "of choices in the prompt (cloze). Otherwise ask easier items, make wrong answers less alike, or take a metric "
        "that moves before the best answer changes, such as norm_correct_prob or logprob_margin.",
        "sq-heading",
    )


def too_few_items(score_report: ScoreReport, own_machine: OwnMachine) -> Advice | None:
    """The curve rises, but by too few standard errors for the gate: how many items would do."""
    z = score_report.scores.get("contrast_z", score_report.scores["improvement_z"])
    needed = score_report.min_improvement_z
    if not HOPELESS <= z < needed or score_report.scores["improvement_z"] <= 0:
        return None
    items = int(np.ceil(score_report.items * (needed / z) ** 2 / 10) * 10)
    do = f"If the rise is real, about {items:,} items of the same kind would show it."
    if items > MOST_ITEMS:
        do = f"It would take about {items:,} items of the same kind, and a submission may have {MOST_ITEMS:,}."
    return Advice(
        "too-few-items",
        "The rise is not clear yet",
        f"{score_report.items:,} items show a rise of {z:.1f} standard errors over wrong labels; the gate asks for "
        f"{needed:g}.",
        f"{do} Easier items, or a metric that grades answers, need fewer.",
        "labels-heading",
    )


def fluency(score_report: ScoreReport, own_machine: OwnMachine) -> Advice | None:
    """The score rises, and so does the same score with wrong answers marked as right."""
    share = score_report.scores.get("label_share")
    if share is None or share >= FLUENCY or score_report.scores["improvement_z"] < score_report.min_improvement_z:
        return None
    return Advice(
        "wrong-labels",
        "Most of the rise needs no right label",
        f"Only {share:.0%} of the rise depends on which answer is marked as right.",
        "The metric measures how likely the texts are. Take one that compares the choices: acc, norm_correct_prob or "
        "logprob_margin.",
        "labels-heading",
    )


def learned_late(score_report: ScoreReport, own_machine: OwnMachine) -> Advice | None:
    """CS averages the lead of science over the early window, and most of this rise comes at its end."""
    cs, curves = score_report.scores.get("cs"), _signal_curves(score_report)
    rises = score_report.scores["improvement_z"] >= score_report.min_improvement_z
    if cs is None or cs >= LOW_CS or not curves or not rises:
        return None
    heights = [_height(curve.scores) for curve in curves]
    if float(np.mean(heights)) >= LATE_LEARNING:
        return None
    return Advice(
        "learned-late",
        "Learned too late for domain alignment",
        f"Most of the rise comes at the end of the early window, and CS ({score_text(cs)}) counts every early "
        "checkpoint alike.",
        "Ask for what science text teaches early: common terms and frequent facts before rare ones, and a cloze form "
        "before one that models must first learn to read.",
        "cs-heading",
    )


def tied_at_the_top(score_report: ScoreReport, own_machine: OwnMachine) -> Advice | None:
    """Late in training, models reach the highest score and cannot be told apart."""
    curves = {curve.model: curve for curve in score_report.curves}
    if score_report.chance is None:
        return None
    tied = [
        group.models
        for group in score_report.ranking
        if group.agreement.size
        and all(
            model in curves and (late := curves[model].scores[~curves[model].early]).size and late[-1] >= CEILING
            for model in group.models
        )
    ]
    if not tied:
        return None
    return Advice(
        "late-ties",
        "Late models tie at the top",
        f"At the last checkpoint, {_listed(tied[0])} score {CEILING:.0%} or more: no room for an order.",
        "Ranking consistency needs differences late in training: add items that are hard for these models, keep the "
        "easy ones for the early signal.",
        "rc-heading",
    )


def uneven_subsets(score_report: ScoreReport, own_machine: OwnMachine) -> Advice | None:
    """Some subsets measure nothing, one lowers the signal of all, or the others add nothing to one."""
    subsets, finding = score_report.subsets, score_report.subset_finding
    if len(subsets) < 2:
        return None
    if finding is not None and finding.weight:
        count = len(finding.names)
        which = f"{count} subsets" if count > MOST_NAMED else f"The subset{'s' * (count > 1)} {_listed(finding.names)}"
        return Advice(
            "subsets",
            f"{which} measure{'s' if count == 1 else ''} nothing",
            f"{finding.weight:.0%} of the score's weight is in subsets that rise whatever answer is marked as right. "
            f"In the others, labels account for {finding.other_share:.0%} of the rise.",
            "Look at the labels there, and leave out what asks nothing that models learn; or take a metric that "
            "compares the choices, such as acc.",
            "labels-heading",
        )
    worst, best = min(subsets, key=lambda one: one.influence), max(subsets, key=lambda one: one.influence)
    if worst.influence <= HURTS:
        return Advice(
            "subsets",
            f"The subset {worst.name} hurts",
            f"Without {worst.name}, signal quality would be {-worst.influence:.3f} higher.",
            "Look at its items for wrong labels or another form of question, and correct or leave out what you have "
            "a reason for.",
            "items-heading",
        )
    if best.influence >= CARRIES * score_report.scores["sq"] and score_report.scores["sq"] > 0:
        return Advice(
            "subsets",
            f"The subset {best.name} carries the signal",
            f"Without {best.name}, signal quality would be {best.influence:.3f} lower.",
            "Ask in the other subsets as this one does, or give it more weight.",
            "items-heading",
        )
    return None


def leans_on_few(score_report: ScoreReport, own_machine: OwnMachine) -> Advice | None:
    """A tenth of the items carries most of the rise."""
    table = score_report.table
    if table is None or score_report.scores["improvement_z"] < score_report.min_improvement_z:
        return None
    total = float(table.rise.sum())
    few = max(1, int(FEW * len(table.rise)))
    share = float(np.sort(table.rise)[-few:].sum()) / total if total > 0 else 0.0
    if share < MOST_OF_THE_RISE:
        return None
    return Advice(
        "few-items",
        "A few items carry the rise",
        f"{few:,} of {len(table.rise):,} items make {min(share, 1):.0%} of the rise; the others add noise.",
        "See in the table of items what the rising ones have in common, and write the others that way.",
        "items-heading",
    )


def another_metric(score_report: ScoreReport, own_machine: OwnMachine) -> Advice | None:
    """The same answers score higher under another metric, on models that were not used to choose it too."""
    own = next((row for row in own_machine.metrics if row.is_own), None)
    if own is None:
        return None
    better = [
        row
        for row in own_machine.metrics
        if row.eligible
        and not row.is_own
        and (row.ranked >= own.ranked + WORTH or not own.eligible)
        and (row.label_share is None or row.label_share >= KNOWLEDGE)
        and (row.sq_held_out is None or own.sq_held_out is None or row.sq_held_out >= own.sq_held_out)
    ]
    if not better:
        return None
    best = max(better, key=lambda row: row.ranked)
    held_out = "" if best.sq_held_out is None else f", with SQ {score_text(best.sq_held_out)} on held-out models"
    return Advice(
        "another-metric",
        f"{best.metric} scores higher",
        f"The same answers score {score_text(best.ranked)} under {best.metric}{held_out}, and "
        f"{score_text(own.ranked)} under {own.metric}.",
        f"If {best.metric} measures what you mean, put it first in metric_list.",
        "metrics-heading",
    )


RULES: Sequence[Rule] = (
    never_right,
    falls,
    flat_at_chance,
    fluency,
    too_few_items,
    another_metric,
    learned_late,
    tied_at_the_top,
    uneven_subsets,
    leans_on_few,
)


def _at_the_lowest(table: ItemTable) -> np.ndarray:
    """Which items have the lowest score at every early checkpoint, (items,) bool; all, where no item is ever right."""
    lowest: np.ndarray = (table.kind == "floor") | ((table.kind == "constant") & (table.mean == 0))
    return lowest


def _signal_curves(score_report: ScoreReport) -> list[Curve]:
    """The early curves of the signal models that the reader may see."""
    models = {part.model for part in score_report.signal}
    return [early_part(curve) for curve in score_report.curves if curve.model in models]


def _start_at_chance(curve: Curve, chance: float) -> int:
    """How many checkpoints pass before the curve is above chance for good, by its 95 % band."""
    low = curve.scores if curve.low is None else curve.low
    above = np.flatnonzero(low <= chance)
    return 0 if not above.size else int(above[-1]) + 1


def _height(scores: np.ndarray) -> float:
    """The mean of a curve on the scale from its lowest to its highest score, in [0, 1]."""
    span = float(scores.max() - scores.min())
    return float((scores.mean() - scores.min()) / span) if span else 0.0


def _written_most(own_machine: OwnMachine) -> str:
    """The three texts that the signal models wrote most often at the last early checkpoint, quoted."""
    if own_machine.items is None:
        return ""
    texts = [one[-1] for item in own_machine.items.items for one in item.written if one]
    return ", ".join(f"{text[:40]!r}" for text, _ in Counter(texts).most_common(3))


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
