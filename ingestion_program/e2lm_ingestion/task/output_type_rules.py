"""What task.yaml may say for each output type: its keys and its metrics.

How a model is asked and scored is in the package output_types, which builds on tasks; a test holds the names of both
to each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from e2lm_ingestion.metrics.builtin import (
    GENERATE_UNTIL_METRICS,
    LOGLIKELIHOOD_METRICS,
    LOGLIKELIHOOD_ROLLING_METRICS,
    MULTIPLE_CHOICE_METRICS,
    MetricSpec,
)
from e2lm_ingestion.metrics.meanings import (
    GENERATE_UNTIL_MEANINGS,
    LOGLIKELIHOOD_MEANINGS,
    LOGLIKELIHOOD_ROLLING_MEANINGS,
    MULTIPLE_CHOICE_MEANINGS,
)

OutputTypeName = Literal["multiple_choice", "loglikelihood", "loglikelihood_rolling", "generate_until"]

DEFAULT: OutputTypeName = "generate_until"  # as in lm-evaluation-harness


@dataclass(frozen=True, slots=True)
class OutputTypeRules:
    """The keys of task.yaml that an output type reads, beside those that all read."""

    metrics: Mapping[str, MetricSpec]
    meanings: Mapping[str, str]  # of the metrics, a line each; `meaning` reads them
    default_metric: str  # of a task of lm-evaluation-harness with metrics that are not known here
    harness_metrics: tuple[str, ...]  # without a metric_list, as in lm-evaluation-harness
    choices: Literal["needed", "optional", "refused"]  # doc_to_choice
    examples: bool = True  # num_fewshot may be above 0
    generates: bool = False  # generation_kwargs and filter_list; no log-likelihoods, so no expressions


RULES: Mapping[OutputTypeName, OutputTypeRules] = {
    "multiple_choice": OutputTypeRules(
        MULTIPLE_CHOICE_METRICS,
        MULTIPLE_CHOICE_MEANINGS,
        default_metric="acc",
        harness_metrics=("acc", "acc_norm"),
        choices="needed",
    ),
    "loglikelihood": OutputTypeRules(
        LOGLIKELIHOOD_METRICS,
        LOGLIKELIHOOD_MEANINGS,
        default_metric="perplexity",
        harness_metrics=("perplexity", "acc"),
        choices="refused",
    ),
    "loglikelihood_rolling": OutputTypeRules(
        LOGLIKELIHOOD_ROLLING_METRICS,
        LOGLIKELIHOOD_ROLLING_MEANINGS,
        default_metric="bits_per_byte",
        harness_metrics=("word_perplexity", "byte_perplexity", "bits_per_byte"),
        choices="refused",
        examples=False,
    ),
    "generate_until": OutputTypeRules(
        GENERATE_UNTIL_METRICS,
        GENERATE_UNTIL_MEANINGS,
        default_metric="exact_match",
        harness_metrics=("exact_match",),
        choices="optional",
        generates=True,
    ),
}


def output_types_where(holds: Callable[[OutputTypeRules], bool]) -> str:
    """The names of the output types that meet a condition, for a message."""
    return " or ".join(name for name, rules in RULES.items() if holds(rules))
