"""Log-likelihoods -> a score per item, for all items at once.

Every metric over choices is an expression (expression.py), and most are its mean. A perplexity is not a mean: there an
item's score is the whole score plus the item's influence on it (linearization, as in survey statistics), so that the
mean of the item scores is the score and their spread gives its standard error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.metrics.corpus import OF_LABELS, OF_TEXTS, label_scores
from e2lm_ingestion.metrics.expression import Columns, Expression, parse


@dataclass(frozen=True, slots=True)
class MetricFormula:
    """How the answers become one number: a function of the mean of `numerator`, or of the ratio of both sums."""

    numerator: Expression
    denominator: Expression | None = None
    function: Literal["identity", "perplexity", "bits", "mcc", "weighted_f1", "macro_f1"] = "identity"

    @property
    def names(self) -> frozenset[str]:
        """The columns it needs."""
        return self.numerator.names | (self.denominator.names if self.denominator else frozenset())

    @property
    def is_mean(self) -> bool:
        """Whether the score is the mean of the numerator, as that of every expression of a participant is."""
        return self.denominator is None and self.function == "identity"

    def item_scores(self, columns: Columns) -> np.ndarray:
        """A score for each item whose mean is the score, (items,) float32, finite.

        Raises SubmissionError naming the item where arithmetic has no result.
        """
        scores = self.values(columns)
        with np.errstate(over="ignore"):
            stored = scores.astype(np.float32)
        if not np.isfinite(stored).all():
            item = int(np.argmin(np.isfinite(stored)))
            raise SubmissionError(
                f"the metric {self.numerator.source!r} gives {scores[item]} for item {item} (counted from 0): a score "
                "must be finite; guard against 0 and against large exponents"
            )
        return stored

    def values(self, columns: Columns) -> np.ndarray:
        """The item scores before they are checked and rounded, (items,) float64; they may be infinite or NaN."""
        if self.function in OF_LABELS:
            return label_scores(self.function, *_classes(columns))
        numerator = self.numerator.evaluate(columns)
        if self.is_mean:
            return numerator
        denominator = np.ones(columns.items) if self.denominator is None else self.denominator.evaluate(columns)
        function, slope = _FUNCTIONS[self.function]
        mean = denominator.mean() or 1.0  # a mean of 0 means that the numerator is 0 too
        ratio = numerator.mean() / mean
        scores: np.ndarray = function(ratio) + slope(ratio) * (numerator - ratio * denominator) / mean
        return scores


def _classes(columns: Columns) -> tuple[np.ndarray, np.ndarray]:
    """The number of each item's right choice and of its most likely one, the first where several tie; (items,)."""
    starts, counts = columns.offsets[:-1], np.diff(columns.offsets)
    number = columns.values["number"].astype(np.int64)

    def first(chosen: np.ndarray) -> np.ndarray:
        return np.asarray(np.minimum.reduceat(np.where(chosen, number, counts.max()), starts))

    likely = columns.values["ll"]
    best = np.repeat(np.maximum.reduceat(likely, starts), counts)
    return first(columns.values["gold"].astype(bool)), first(likely == best)


def _perplexity(loglikelihood: float) -> float:
    return float(np.exp(np.float64(-loglikelihood)))


_FUNCTIONS: dict[str, tuple[Callable[[float], float], Callable[[float], float]]] = {
    "identity": (float, lambda x: 1.0),
    "perplexity": (_perplexity, lambda x: -_perplexity(x)),
    "bits": (lambda x: -x / float(np.log(2)), lambda x: -1 / float(np.log(2))),
}


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """A named metric."""

    formula: MetricFormula | None  # None: it compares texts (output_types/generate_until.py)
    higher_is_better: bool = True
    aggregation: str = "mean"  # as lm-evaluation-harness calls it
    guessed: bool = False  # guessing has a score: that of a model to which all choices are alike
    has_options: bool = False  # it reads ignore_case and the other options of lm-evaluation-harness' exact_match

    @property
    def names(self) -> frozenset[str]:
        """The columns it needs; a metric of texts has none."""
        return self.formula.names if self.formula else frozenset()


def _mean(source: str, higher_is_better: bool = True, *, guessed: bool = False) -> MetricSpec:
    return MetricSpec(MetricFormula(parse(source)), higher_is_better, guessed=guessed)


def _per_unit(metrics: dict[str, str], *, guessed: bool = False) -> dict[str, MetricSpec]:
    """Each metric on the whole log-likelihood, and on it per token, character and byte."""
    units = {"": "ll", "_per_token": "(ll / tokens)", "_per_char": "(ll / chars)", "_per_byte": "(ll / bytes)"}
    return {
        name + suffix: _mean(source.replace("ll", unit), guessed=guessed)
        for name, source in metrics.items()
        for suffix, unit in units.items()
    }


_OF_THE_RIGHT_CHOICE = _per_unit({"correct_logprob": "max(ll[gold])", "correct_prob": "sum(exp(ll)[gold])"})

_CLASSES = parse("sum(ll + gold * number)")  # names the columns of which the confusion matrix is made

MULTIPLE_CHOICE_METRICS: Mapping[str, MetricSpec] = {
    "acc": _mean("sum(pick(ll)[gold])", guessed=True),
    "acc_norm": _mean("sum(pick(ll / chars)[gold])", guessed=True),
    "acc_bytes": _mean("sum(pick(ll / bytes)[gold])", guessed=True),
    "acc_mutual_info": _mean("sum(pick(ll - ll_unconditional)[gold])", guessed=True),
    "exact_match": _mean("max(greedy[gold])"),
    "brier_score": replace(_mean("sum((softmax(ll) - gold) ** 2)", False), aggregation="brier_score"),
    "f1": MetricSpec(
        MetricFormula(
            parse("2 * sum(pick(ll) * number) * sum(gold * number)"), parse("sum((pick(ll) + gold) * number)")
        ),
        aggregation="f1",
    ),
    "mcc": MetricSpec(MetricFormula(_CLASSES, None, "mcc"), aggregation="matthews_corrcoef"),
    "weighted_f1": MetricSpec(MetricFormula(_CLASSES, None, "weighted_f1"), aggregation="weighted_f1"),
    "macro_f1": MetricSpec(MetricFormula(_CLASSES, None, "macro_f1"), aggregation="macro_f1"),
    **_OF_THE_RIGHT_CHOICE,
    **_per_unit({"norm_correct_prob": "sum(softmax(ll)[gold])"}, guessed=True),
    **_per_unit(
        {
            "logprob_margin": "max(ll[gold]) - max(ll[~gold])",
            "logprob_margin_mean": "max(ll[gold]) - mean(ll[~gold])",
            "margin": "max(exp(ll)[gold]) - max(exp(ll)[~gold])",
        }
    ),
}
LOGLIKELIHOOD_METRICS: Mapping[str, MetricSpec] = {
    "acc": _mean("greedy[gold]"),
    "perplexity": MetricSpec(MetricFormula(parse("ll[gold]"), None, "perplexity"), False, "perplexity"),
    **_OF_THE_RIGHT_CHOICE,
}
LOGLIKELIHOOD_ROLLING_METRICS: Mapping[str, MetricSpec] = {
    "word_perplexity": MetricSpec(
        MetricFormula(parse("sum(ll)"), parse("sum(words)"), "perplexity"), False, "weighted_perplexity"
    ),
    "byte_perplexity": MetricSpec(
        MetricFormula(parse("sum(ll)"), parse("sum(bytes)"), "perplexity"), False, "weighted_perplexity"
    ),
    "bits_per_byte": MetricSpec(MetricFormula(parse("sum(ll)"), parse("sum(bytes)"), "bits"), False, "bits_per_byte"),
    **_OF_THE_RIGHT_CHOICE,
}
GENERATE_UNTIL_METRICS: Mapping[str, MetricSpec] = {
    "exact_match": MetricSpec(None, has_options=True),
    "f1": MetricSpec(None),
    **{name: MetricSpec(None, name != "ter", aggregation=name) for name in OF_TEXTS},
}


def choice_columns(items: Mapping[str, np.ndarray], answers: Mapping[str, np.ndarray]) -> Columns:
    """Columns from the arrays of items.npz and of one checkpoint, as docs/results-format.md names them."""
    offsets = items["choice_offsets"]
    counts = np.diff(offsets)
    values = {
        "gold": items["gold"],
        "number": np.arange(offsets[-1]) - np.repeat(offsets[:-1], counts),
        "chars": items["chars"],
        "bytes": items["bytes"],
        "words": items["words"],
        "ll": answers["loglikelihoods"],
        "greedy": answers["greedy"],
        "tokens": answers["tokens"],
    }
    if "loglikelihoods_unconditional" in answers:
        values["ll_unconditional"] = answers["loglikelihoods_unconditional"]
    return Columns(offsets, values)


def chance(formula: MetricFormula, items: Mapping[str, np.ndarray]) -> float:
    """Chance level: the score of a model to which all choices are equally likely; `items` are arrays of items.npz."""
    count = len(items["gold"])
    zero = np.zeros(count)
    answers: dict[str, np.ndarray] = {
        "loglikelihoods": zero,
        "loglikelihoods_unconditional": zero,
        "greedy": zero,
        "tokens": np.ones(count, dtype=np.int32),
    }
    return float(np.mean(formula.item_scores(choice_columns(items, answers)), dtype=np.float64))
