"""Proposes how the models of a new suite are scored, and writes scoring.yaml with every key explained."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import yaml

from e2lm_scoring.inputs.configuration import Configuration

LEAST = 8  # early checkpoints that signal quality needs
EARLY_SHARE = 0.2  # of the tokens of training: 200 billion of 1 trillion in the competition
UNKNOWN = "unknown"

# (example in YAML, meaning) of every key of scoring.yaml.
SCORING_KEYS: Mapping[str, tuple[str, str]] = {
    "suite": ("mine", "the name of the suite, as in suite.yaml"),
    "suite_version": ("1", "the version of the suite, as in suite.yaml"),
    "weights": (
        "{signal_quality: 0.5, ranking_consistency: 0.1, domain_alignment: 0.4}",
        "the share of each component in the total score; they sum to 1",
    ),
    "early": ("{iterations: {start: 1000, stop: 20000, step: 1000}}", "the checkpoints that signal quality is about"),
    "late": (
        "{iterations: {start: 21000, stop: 100000, step: 1000}}",
        "later checkpoints: ranking consistency compares the order of models there with the early one",
    ),
    "signal_models": ("[small, large]", "the models whose curves give signal quality"),
    "ranking_groups": ("[[small-a, small-b], [large-a, large-b]]", "models that are ranked among each other"),
    "ranking_reference": ("each", "each: compare with every late checkpoint; final: with the last one alone"),
    "alignment": (
        "{science: small-a, web: small-a-web}",
        "one architecture trained on science and on web pages alone, for domain alignment, which then needs a weight",
    ),
    "min_improvement_z": (
        "3.0",
        "least improvement of the contrast with wrong labels, in standard errors",
    ),
    "require_contrast": ("true", "true: a task without wrong answers to contrast with is scored, but not ranked"),
    "min_label_share": ("0.35", "least share of the rise that depends on the labels, to be ranked"),
    "min_effective_items": ("30", "least number of items that carry the score, to be ranked"),
    "min_accept_rate": ("0.5", "least share of items that e2lm judge accepts"),
    "reveal": ("participant", "organizer: the report also shows late checkpoints and the web-only model"),
}


def proposed_scoring(
    suite: str, models: Mapping[str, Sequence[int]], sizes: Mapping[str, str], early_stop: int | None
) -> dict[str, Any]:
    """The keys of scoring.yaml that differ between suites: windows and groups of models, each with its iterations.

    Models of the same size are a group; without two of a size, all are one. The early window is a fifth of the
    training, or up to `early_stop`, and has at least eight checkpoints. A single model has no late window. No model is
    known to be trained on web text alone, so that alignment has no weight.
    """
    common = sorted(set.intersection(*(set(iterations) for iterations in models.values())))
    early, late = _windows(common, early_stop) if len(models) > 1 else (common, [])
    quality, consistency = (0.8, 0.2) if late else (1.0, 0.0)
    scoring: dict[str, Any] = {
        "suite": suite,
        "suite_version": 1,
        "weights": {"signal_quality": quality, "ranking_consistency": consistency, "domain_alignment": 0.0},
        "early": {"iterations": compact(early)},
    }
    if late:
        scoring["late"] = {"iterations": compact(late)}
        scoring["ranking_groups"] = proposed_groups(sizes)
    return scoring | {"signal_models": list(models)}


def proposed_groups(sizes: Mapping[str, str]) -> list[list[str]]:
    """The models of each size that two or more have; all models where there is none.

    >>> proposed_groups({"a-1b": "1B", "b-1b": "1B", "c": "unknown"})
    [['a-1b', 'b-1b']]
    >>> proposed_groups({"a": "1B", "b": "3B"})
    [['a', 'b']]
    """
    by_size: dict[str, list[str]] = {}
    for model, size in sizes.items():
        by_size.setdefault(size, []).append(model)
    return [group for group in by_size.values() if len(group) > 1] or [list(sizes)]


def size_in(name: str) -> str:
    """The size that a model's name states.

    >>> size_in("dense-500m-arch1"), size_in("OLMo-2-0425-1B"), size_in("llama")
    ('500M', '1B', 'unknown')
    """
    found = re.search(r"(?<![A-Za-z0-9.])(\d+(?:\.\d+)?[kKmMbB])(?![A-Za-z0-9])", name)
    return found[1].upper() if found else UNKNOWN


def scoring_yaml(scoring: Mapping[str, Any]) -> str:
    """The text of scoring.yaml: every key with its meaning; those that the suite cannot have as comments."""
    parts = ["# How the results of this suite are scored: docs/metrics.md and docs/suite-reference.md explain it."]
    for key, field in Configuration.model_fields.items():
        example, meaning = SCORING_KEYS[key]
        value = scoring.get(key, None if field.is_required() else field.get_default(call_default_factory=True))
        if hasattr(value, "model_dump"):
            value = value.model_dump()
        if value is None or value == ():
            parts.append(f"# {meaning}\n# {key}: {example}")
        else:
            flow = None if isinstance(value, dict | list) else False
            dumped = yaml.safe_dump({key: value}, default_flow_style=flow, sort_keys=False, width=110)
            parts.append(f"# {meaning}\n{dumped.rstrip()}")
    return "\n\n".join(parts) + "\n"


def compact(iterations: Sequence[int]) -> list[int] | dict[str, int]:
    """{start, stop, step} where the steps are equal."""
    steps = {after - before for before, after in pairwise(iterations)}
    if len(iterations) < 3 or len(steps) != 1:
        return list(iterations)
    return {"start": iterations[0], "stop": iterations[-1], "step": steps.pop()}


def _windows(common: Sequence[int], early_stop: int | None) -> tuple[list[int], list[int]]:
    stop = early_stop if early_stop is not None else int(EARLY_SHARE * common[-1])
    size = max(LEAST, sum(iteration <= stop for iteration in common))
    return list(common[:size]), list(common[size:])
