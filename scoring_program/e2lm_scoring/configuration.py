"""scoring.yaml -> what counts: weights, the early and the late grid, groups of models, the gate."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from e2lm_scoring.errors import OrganizerError


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class IterationRange(_Strict):
    """Every `step`-th iteration from `start` to `stop`, both included."""

    start: int = Field(gt=0)
    stop: int
    step: int = Field(gt=0)


def _iterations(value: Any) -> Any:  # noqa: ANN401 (what YAML holds)
    if isinstance(value, Mapping):
        given = IterationRange.model_validate(value)
        return tuple(range(given.start, given.stop + 1, given.step))
    return value


class Window(_Strict):
    """The checkpoints of one part of training."""

    iterations: Annotated[tuple[int, ...], BeforeValidator(_iterations), Field(min_length=1)]


class Weights(_Strict):
    """Score = signal_quality * SQ + ranking_consistency * RC + domain_alignment * CS."""

    signal_quality: float = Field(default=0.5, ge=0)
    ranking_consistency: float = Field(default=0.1, ge=0)
    domain_alignment: float = Field(default=0.4, ge=0)


class AlignmentPair(_Strict):
    """The same architecture trained on the science mixture and on the web only."""

    science: str
    web: str


class Configuration(_Strict):
    """How a suite's results are scored.

    A suite without late checkpoints or without a web-only model (the one that participants have) leaves `late` and
    `ranking_groups`, or `alignment`, out: it is scored for signal quality and what remains, without a total.
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
    min_improvement_z: float = 3.0
    reveal: Literal["participant", "organizer"] = "participant"

    @model_validator(mode="after")
    def _windows_follow(self) -> Self:
        if (self.late is None) != (not self.ranking_groups):
            raise ValueError("late and ranking_groups go together: give both or neither")
        if max(self.early.iterations) >= min(self.late_iterations, default=sys.maxsize):
            raise ValueError("the late window must start after the early one ends")
        return self

    @property
    def late_iterations(self) -> tuple[int, ...]:
        """The late window, empty where the suite has none."""
        return self.late.iterations if self.late is not None else ()

    @property
    def ranked_models(self) -> tuple[str, ...]:
        """Every model of a ranking group, once, in the order of the file."""
        return tuple(dict.fromkeys(model for group in self.ranking_groups for model in group))

    @property
    def needed(self) -> list[tuple[str, int]]:
        """(model, iteration) of every checkpoint that the scores are made of."""
        pair = (self.alignment.science, self.alignment.web) if self.alignment is not None else ()
        early_models = dict.fromkeys((*self.ranked_models, *self.signal_models, *pair))
        early = [(model, iteration) for model in early_models for iteration in self.early.iterations]
        return early + [(model, iteration) for model in self.ranked_models for iteration in self.late_iterations]


def load_configuration(path: Path) -> Configuration:
    """Read scoring.yaml. Raises OrganizerError naming the file and the key."""
    try:
        return Configuration.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise OrganizerError(f"{path}: there is no such file; it says how a suite's results are scored") from None
    except yaml.YAMLError as error:
        raise OrganizerError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise OrganizerError(f"{path}: {place}: {first['msg']}") from None
