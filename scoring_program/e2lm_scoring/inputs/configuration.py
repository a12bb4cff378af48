"""Reads scoring.yaml: weights, the early and the late window, groups of models, the gate."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from e2lm_scoring.organizer_yaml import read_model


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class IterationRange(_Strict):
    """Every `step`-th iteration from `start` to `stop`, both included."""

    start: int = Field(gt=0)
    stop: int
    step: int = Field(gt=0)

    @model_validator(mode="after")
    def _ends_on_a_step(self) -> Self:
        if self.stop < self.start or (self.stop - self.start) % self.step:
            raise ValueError(f"stop {self.stop} is not start {self.start} plus a multiple of step {self.step}")
        return self


def _iterations(value: Any) -> Any:  # noqa: ANN401 (what YAML holds)
    if isinstance(value, Mapping):
        given = IterationRange.model_validate(value)
        return tuple(range(given.start, given.stop + 1, given.step))
    return value


class Window(_Strict):
    """The checkpoints of one part of training."""

    iterations: Annotated[tuple[int, ...], BeforeValidator(_iterations), Field(min_length=1)]

    @model_validator(mode="after")
    def _increasing(self) -> Self:
        if list(self.iterations) != sorted(set(self.iterations)):
            raise ValueError("iterations must be in increasing order, each of them once")
        return self


class Weights(_Strict):
    """Score = signal_quality * SQ + ranking_consistency * RC + domain_alignment * CS."""

    signal_quality: float = Field(default=0.5, ge=0)
    ranking_consistency: float = Field(default=0.1, ge=0)
    domain_alignment: float = Field(default=0.4, ge=0)

    @model_validator(mode="after")
    def _sum_to_one(self) -> Self:
        total = self.signal_quality + self.ranking_consistency + self.domain_alignment
        if abs(total - 1) > 1e-9:
            raise ValueError(f"the weights sum to {total:g}, not to 1, so that scores could leave [0, 1]")
        return self


class AlignmentPair(_Strict):
    """The same architecture trained on the science mixture and on the web only."""

    science: str
    web: str


class Configuration(_Strict):
    """How a suite's results are scored.

    A suite without late checkpoints or without a web-only model, such as the released one, leaves out `late` and
    `ranking_groups`, or `alignment`. It is scored for signal quality and the remaining components; the total needs only
    those whose weight is above 0.
    """

    suite: str
    suite_version: int
    weights: Weights = Weights()
    early: Window
    late: Window | None = None
    signal_models: tuple[str, ...] = Field(min_length=1)
    ranking_groups: tuple[Annotated[tuple[str, ...], Field(min_length=2)], ...] = ()
    ranking_reference: Literal["each", "final"] = "each"
    alignment: AlignmentPair | None = None
    min_improvement_z: float = 3.0  # of the contrast with wrong labels, where the task has one
    require_contrast: bool = True  # a task without wrong answers to contrast with is scored, but not ranked
    min_label_share: float = Field(default=0.35, ge=0, le=1)  # of the curves' rise, see docs/validity.md
    min_effective_items: float = Field(default=30.0, ge=0)  # that carry the score, see docs/validity.md
    min_accept_rate: float = Field(default=0.5, gt=0, lt=1)  # that the judge's verdicts must reach, see docs/judge.md
    reveal: Literal["participant", "organizer"] = "participant"

    @model_validator(mode="after")
    def _windows_follow(self) -> Self:
        if (self.late is None) != (not self.ranking_groups):
            raise ValueError("late and ranking_groups go together: give both or neither")
        if max(self.early.iterations) >= min(self.late_iterations, default=sys.maxsize):
            raise ValueError("the late window must start after the early one ends")
        return self

    @model_validator(mode="after")
    def _models_are_distinct(self) -> Self:
        for models in (self.signal_models, *self.ranking_groups, self._pair):
            if len(set(models)) != len(models):
                raise ValueError(f"a model is listed twice: {', '.join(models)}")
        return self

    @property
    def has_total(self) -> bool:
        """Whether the suite measures every component whose weight is above 0."""
        has_ranking = self.late is not None or not self.weights.ranking_consistency
        return has_ranking and (self.alignment is not None or not self.weights.domain_alignment)

    @property
    def late_iterations(self) -> tuple[int, ...]:
        """The late window, empty where the suite has none."""
        return self.late.iterations if self.late is not None else ()

    @property
    def _pair(self) -> tuple[str, ...]:
        return (self.alignment.science, self.alignment.web) if self.alignment is not None else ()

    @property
    def named_models(self) -> tuple[str, ...]:
        """Every model that enters a score, without repetition."""
        return tuple(dict.fromkeys((*self.ranked_models, *self.signal_models, *self._pair)))

    @property
    def ranked_models(self) -> tuple[str, ...]:
        """Every model of a ranking group, without repetition, in the order of the file."""
        return tuple(dict.fromkeys(model for group in self.ranking_groups for model in group))

    @property
    def compared_models(self) -> tuple[str, ...]:
        """The models that columns beside the score compare: the ranked ones, or the signal models where none is."""
        return self.ranked_models or self.signal_models

    @property
    def needed(self) -> list[tuple[str, int]]:
        """(model, iteration) of every checkpoint that the scores need."""
        early = [(model, iteration) for model in self.named_models for iteration in self.early.iterations]
        return early + [(model, iteration) for model in self.ranked_models for iteration in self.late_iterations]


def load_configuration(path: Path) -> Configuration:
    """Read scoring.yaml. Raises OrganizerError naming the file and the key."""
    return read_model(path, Configuration, "it says how a suite's results are scored")
