"""Which of this program's metrics a metric of lm-evaluation-harness is, also where a function computes it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from pydantic import ValidationError

from e2lm_ingestion.metrics.builtin import MetricSpec, choice_columns
from e2lm_ingestion.task.messages import line_of
from e2lm_ingestion.task.output_type_rules import RULES, OutputTypeName
from e2lm_ingestion.task.task_parts import Metric, check_metric

ITEMS, CHOICES = 40, 4  # of the made-up answers on which functions are compared
_NOT_KNOWN = "write another with --metric, or its arithmetic with --expression; docs/task-language.md lists the metrics"


def metrics_of(config: Any, lost: list[str]) -> list[dict[str, Any]]:  # noqa: ANN401 (lm_eval's TaskConfig)
    """The entries of metric_list as task.yaml has them; those that are none here are named in `lost`."""
    rules = RULES[config.output_type]
    given: list[Mapping[str, Any]] = config.metric_list or [{"metric": name} for name in rules.harness_metrics]
    kept: list[dict[str, Any]] = []
    if callable(config.process_results):
        name = _name(config.process_results)
        lost.append(f"process_results: a function, {name}, computes the metrics there; those of the same name are ours")
    for entry in given:
        found = _entry(entry, config.output_type, lost)
        if found is not None and found["metric"] not in [one["metric"] for one in kept]:
            kept.append(found)
    if not kept:
        kept = [{"metric": rules.default_metric}]
        lost.append(f"metric_list: no metric is left, so it is {rules.default_metric}; {_NOT_KNOWN}")
    return kept


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
            lost.append(f"metric_list: {entry['metric']}: the function {_name(entry['aggregation'])}; {_NOT_KNOWN}")
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
    for count in (CHOICES, 2):
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
    arrays = {"choice_offsets": np.arange(0, ITEMS * count + 1, count), "gold": np.eye(count, dtype=bool)[gold].ravel()}
    ones = np.ones(ITEMS * count, dtype=np.int32)
    sizes = {key: ones * size for key, size in (("chars", 7), ("bytes", 9), ("words", 2))}
    answers = {"loglikelihoods": lls.ravel(), "greedy": ones > 1, "tokens": ones * 3}
    columns = choice_columns({**arrays, **sizes}, answers)
    for metric, spec in candidates.items():
        if "ll_unconditional" in spec.names or (metric == "f1" and count != 2):
            continue
        assert spec.formula is not None
        if np.isclose(float(spec.formula.item_scores(columns).mean(dtype=np.float64)), expected, rtol=1e-5):
            yield metric


def _name(function: Any) -> str:  # noqa: ANN401 (any function)
    return str(getattr(function, "__name__", type(function).__name__))
