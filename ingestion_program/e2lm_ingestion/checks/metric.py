"""Finds metrics that rise with training whatever is marked as right."""

from __future__ import annotations

from e2lm_ingestion.checks.questions import Finding
from e2lm_ingestion.metrics.expression import Expression
from e2lm_ingestion.task.task import Task

_ANSWERS = frozenset({"ll", "greedy"})  # what a model makes of the prompt
_COMPARING = frozenset({"softmax", "pick"})  # functions that compare the choices of an item


def label_findings(task: Task) -> list[Finding]:
    """A finding where the metric never reads which choice is right, or reads the probability of that one alone."""
    formula = task.metric_list[0].spec(task.output_type).formula
    if formula is None:
        return []
    expression = formula.numerator
    advice = "such as acc, norm_correct_prob or logprob_margin_mean"
    if not expression.reads_labels:
        return [
            Finding(
                "labels_unread",
                f"the metric {task.metric} never reads which choice is right: it has no contrast with wrong labels and "
                f"is not ranked; use one that compares the right choice with the others, {advice}",
                blocks=True,
            )
        ]
    if not expression.names & _ANSWERS:
        return [
            Finding(
                "prompt_unread",
                f"the metric {task.metric} never reads what the model makes of the prompt: the questions count for "
                "nothing; use ll, or greedy",
                blocks=True,
            )
        ]
    if expression.reads_lengths:
        return [
            Finding(
                "lengths_read",
                f"the metric {task.metric} reads the length of choices, and not only to divide a log-likelihood by it: "
                "it may measure which labels are long; use ll / chars, ll / bytes or ll / tokens",
                blocks=True,
            )
        ]
    if formula.is_mean and "number" in expression.names:
        return [
            Finding(
                "places_read",
                f"the metric {task.metric} reads the places of choices (number): it may measure where answers stand, "
                "or which place models prefer; use ll and gold",
                blocks=True,
            )
        ]
    if not _compares(expression):
        return [
            Finding(
                "probability_alone",
                f"the metric {task.metric} is the probability of the right text alone, and any text becomes more "
                f"likely as a model trains, known or not; consider one that compares, {advice}",
            )
        ]
    return []


def _compares(expression: Expression) -> bool:
    return bool(expression.functions & _COMPARING) or expression.reads_wrong_choices or "greedy" in expression.names
