"""Which of this program's metrics a metric of lm-evaluation-harness is, also where a function computes it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import ValidationError

from e2lm_ingestion.metrics.builtin import MetricSpec, choice_columns
from e2lm_ingestion.metrics.expression import Columns
from e2lm_ingestion.task.messages import line_of
from e2lm_ingestion.task.output_type_rules import RULES, OutputTypeName
from e2lm_ingestion.task.task_parts import Metric, check_metric

ITEMS, CHOICES = 40, 4  # of the made-up answers on which functions are compared
_CHOOSE = "--metric NAME (`e2lm metrics` lists them), or its arithmetic with --expression"


def metrics_of(config: Any, lost: list[str], documents: Sequence[Answered] = ()) -> list[dict[str, Any]]:  # noqa: ANN401 (lm_eval's TaskConfig)
    """The entries of metric_list as task.yaml has them; those that are none here are named in `lost`.

    `documents` of a task with choices are what its process_results is tried on.
    """
    rules = RULES[config.output_type]
    given: list[Mapping[str, Any]] = config.metric_list or [{"metric": name} for name in rules.harness_metrics]
    kept: list[dict[str, Any]] = []
    found: list[tuple[str, dict[str, Any] | None]] = []
    if callable(config.process_results):
        same = same_results(config.process_results, documents, config.output_type)
        found = [(str(entry["metric"]), _of_function(entry, same, config.output_type)) for entry in given]
        if unlike := [name for name, entry in found if entry is not None and name not in same]:
            lost.append(
                f"process_results: a function, {_name(config.process_results)}, computes {', '.join(unlike)} there; "
                f"here it is what this program calls so; choose another with {_CHOOSE}"
            )
    else:
        found = [(str(entry["metric"]), _entry(entry, config.output_type, lost)) for entry in given]
    for _, entry in found:
        if entry is not None and entry["metric"] not in [one["metric"] for one in kept]:
            kept.append(entry)
    if callable(config.process_results) and (none := [name for name, entry in found if entry is None]):
        lost.append(f"metric_list: {', '.join(none)}: this program has none called so; choose one with {_CHOOSE}")
    if not kept:
        kept = [{"metric": rules.default_metric}]
        lost.append(f"metric_list: no metric is left, so it is {rules.default_metric}; choose another with {_CHOOSE}")
    return kept


def _of_function(given: Mapping[str, Any], same: Mapping[str, str], kind: OutputTypeName) -> dict[str, Any] | None:
    """The entry of a metric that process_results computes: the one here with its values, else with its name."""
    name = str(given["metric"])
    if name in same:
        return {"metric": same[name]}
    return {"metric": name} if name in RULES[kind].metrics else None


def _entry(given: Mapping[str, Any], kind: OutputTypeName, lost: list[str]) -> dict[str, Any] | None:
    entry = {key: value for key, value in given.items() if key != "hf_evaluate"}
    entry = {key: value for key, value in entry.items() if value is not False or key == "higher_is_better"}
    if "high_is_better" in entry:
        lost.append(
            f"metric_list: high_is_better: {entry.pop('high_is_better')}; no key of the harness: higher_is_better"
        )
    if not RULES[kind].generates:
        entry = {key: entry[key] for key in ("metric", "aggregation", "higher_is_better") if key in entry}
    if callable(entry.get("aggregation")):
        same = same_as(str(entry["metric"]), entry["aggregation"], kind)
        if same is None:
            function = _name(entry["aggregation"])
            lost.append(
                f"metric_list: {entry['metric']}: aggregation: the function {function} is no metric of this program; "
                f"choose one with {_CHOOSE}"
            )
            return None
        direction = {"higher_is_better": entry["higher_is_better"]} if "higher_is_better" in entry else {}
        return {"metric": same, **direction}
    try:
        check_metric(Metric.model_validate(entry), kind)
    except ValidationError as error:
        lost.append(f"metric_list: {line_of(error, Metric)}")
        return None
    except ValueError as error:
        lost.append(str(error))
        return None
    return entry


def same_as(name: str, aggregation: Callable[[Any], Any], kind: OutputTypeName) -> str | None:
    """The metric here that gives what the function gives, on answers that are made up; None where none does."""
    if RULES[kind].choices != "needed":
        return None
    for count in (CHOICES, 3, 2):
        found = set(_same(name, aggregation, count, RULES[kind].metrics))
        if found:
            return sorted(found, key=lambda metric: (len(metric), metric))[0]
    return None


def _same(
    name: str, aggregation: Callable[[Any], Any], count: int, candidates: Mapping[str, MetricSpec]
) -> Iterator[str]:
    random = np.random.default_rng(1)
    gold = random.integers(0, count, ITEMS)
    lls = random.normal(-20, 3, (ITEMS, count)).astype(np.float32)
    lls[np.arange(ITEMS), gold] += 3
    predicted = lls.argmax(axis=1)
    passed: list[Any] = [(int(g), int(p)) for g, p in zip(gold, predicted, strict=True)]
    if name == "likelihood":
        passed = [(int(g), tuple(map(float, own))) for g, own in zip(gold, lls, strict=True)]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = float(aggregation(passed))
    except Exception:  # the task's own code may raise anything
        return
    columns = _columns([("choice!!",) * count] * ITEMS, [(int(one),) for one in gold], list(lls))
    for metric, spec in candidates.items():
        if "ll_unconditional" in spec.names or (metric == "f1" and count != 2):
            continue
        assert spec.formula is not None
        if np.isclose(float(spec.formula.item_scores(columns).mean(dtype=np.float64)), expected, rtol=1e-5):
            yield metric


@dataclass(frozen=True, slots=True)
class Answered:
    """A document of the harness with choices."""

    document: Mapping[str, Any]
    choices: tuple[str, ...]
    gold: tuple[int, ...]  # positions of the right choices


def same_results(
    function: Callable[[Any, Any], Mapping[str, Any]], documents: Sequence[Answered], kind: OutputTypeName
) -> dict[str, str]:
    """The metric here that each metric of a process_results is, on made-up answers to documents of the task."""
    if RULES[kind].choices != "needed" or not documents:
        return {}
    random = np.random.default_rng(1)
    lls = [random.normal(-20, 3, len(one.choices)).astype(np.float32) for one in documents]
    try:
        there = [
            function(dict(one.document), [(float(ll), False) for ll in own])
            for one, own in zip(documents, lls, strict=True)
        ]
        named = {name: np.asarray([own[name] for own in there], dtype=np.float64) for name in there[0]}
    except Exception:  # the task's own code may raise anything
        return {}
    columns = _columns([one.choices for one in documents], [one.gold for one in documents], lls)
    found: dict[str, str] = {}
    for metric, spec in RULES[kind].metrics.items():
        if "ll_unconditional" in spec.names or spec.formula is None or spec.aggregation != "mean":
            continue
        here = spec.formula.item_scores(columns)
        for name, values in named.items():
            if values.std() > 0 and np.allclose(here, values, rtol=1e-5) and (name not in found or metric == name):
                found[name] = metric
    return found


def _columns(choices: Sequence[Sequence[str]], gold: Sequence[Sequence[int]], lls: Sequence[np.ndarray]) -> Columns:
    """The columns of items with made-up log-likelihoods, none of them greedy and all of three tokens."""
    texts = [choice for own in choices for choice in own]
    right = [index in marked for own, marked in zip(choices, gold, strict=True) for index in range(len(own))]
    items = {
        "choice_offsets": np.cumsum([0, *map(len, choices)]),
        "gold": np.asarray(right, dtype=bool),
        "chars": np.asarray([max(1, len(text)) for text in texts], dtype=np.int32),
        "bytes": np.asarray([max(1, len(text.encode())) for text in texts], dtype=np.int32),
        "words": np.asarray([max(1, len(text.split())) for text in texts], dtype=np.int32),
    }
    count = len(texts)
    answers = {
        "loglikelihoods": np.concatenate(lls),
        "greedy": np.zeros(count, dtype=bool),
        "tokens": np.full(count, 3, dtype=np.int32),
    }
    return choice_columns(items, answers)


def _name(function: Any) -> str:  # noqa: ANN401 (any function)
    return str(getattr(function, "__name__", type(function).__name__))
