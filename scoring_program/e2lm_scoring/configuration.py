"""scoring.yaml -> what counts: weights, the early and the late grid, groups of models, the gate."""

from __future__ import annotations

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

    signal_quality: float = Field(ge=0)
    ranking_consistency: float = Field(ge=0)
    domain_alignment: float = Field(ge=0)


class AlignmentPair(_Strict):
    """The same architecture trained on the science mixture and on the web only."""

    science: str
    web: str


class Configuration(_Strict):
    """How a suite's results are scored."""

    suite: str
    suite_version: int
    weights: Weights
    early: Window
    late: Window
    signal_models: tuple[str, ...] = Field(min_length=1)
    ranking_groups: tuple[Annotated[tuple[str, ...], Field(min_length=2)], ...] = Field(min_length=1)
    ranking_reference: Literal["each", "final"] = "each"
    alignment: AlignmentPair
    min_improvement_z: float = 3.0
    reveal: Literal["participant", "organizer"] = "participant"

    @model_validator(mode="after")
    def _windows_follow(self) -> Self:
        if max(self.early.iterations) >= min(self.late.iterations):
            raise ValueError("the late window must start after the early one ends")
        return self

    @property
    def ranked_models(self) -> tuple[str, ...]:
        """Every model of a ranking group, once, in the order of the file."""
        return tuple(dict.fromkeys(model for group in self.ranking_groups for model in group))

    @property
    def needed(self) -> list[tuple[str, int]]:
        """(model, iteration) of every checkpoint that the scores are made of."""
        early_models = dict.fromkeys(
            (*self.ranked_models, *self.signal_models, self.alignment.science, self.alignment.web)
        )
        early = [(model, iteration) for model in early_models for iteration in self.early.iterations]
        return early + [(model, iteration) for model in self.ranked_models for iteration in self.late.iterations]


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
