"""Reads suite.yaml, lists and verifies the suite's checkpoints, and groups those that share config and tokenizer."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.organizer_yaml import read_model


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TokenSchedule(_Strict):
    """Batch sizes during training, to convert iterations (optimizer steps) into training tokens."""

    sequence_length: int = Field(gt=0)
    global_batch_size: int = Field(gt=0)
    batch_size_rampup: tuple[int, int, int] | None = None  # first batch size, increment, samples of the whole ramp-up

    def tokens_at(self, iteration: int) -> int:
        """Training tokens (a count) after `iteration` steps.

        During the ramp-up the batch grows by the increment; each size below the global one is used for an equal share
        of the samples. Source: the organizers' starting kit, where a size may end within a step. Reference value:
        8,000 iterations of the published models (arXiv 2506.07731) are 10.110550e9 tokens.
        """
        samples, steps = 0.0, float(iteration)
        if self.batch_size_rampup is not None:
            start, increment, rampup_samples = self.batch_size_rampup
            sizes = range(start, self.global_batch_size, increment)
            for size in sizes:
                taken = min(steps, rampup_samples / len(sizes) / size)
                samples += taken * size
                steps -= taken
        return round((samples + steps * self.global_batch_size) * self.sequence_length)


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


def _iterations(value: Any) -> Any:  # noqa: ANN401 (any YAML value)
    """Convert a range, a number or a list of both to an increasing tuple of iterations. Raises ValueError."""
    found: list[int] = []
    for part in value if isinstance(value, list) else [value]:
        if 0 in (part, part.get("start") if isinstance(part, Mapping) else None):
            raise ValueError("iteration 0 is the untrained model, which has no place on a curve; leave it out")
        if isinstance(part, Mapping):
            given = IterationRange.model_validate(part)
            found.extend(range(given.start, given.stop + 1, given.step))
        else:
            found.append(part)
    if any(not isinstance(i, int) or isinstance(i, bool) or i <= 0 for i in found) or found != sorted(set(found)):
        raise ValueError("iterations are positive whole numbers in increasing order, or {start, stop, step}")
    return tuple(found)


Iterations = Annotated[tuple[int, ...], BeforeValidator(_iterations), Field(min_length=1)]


class Model(_Strict):
    """One model of the suite and the location of its checkpoints."""

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    size: str
    architecture: str
    mixture: str
    source: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*$")
    checkpoint: str = "iter_{iteration:07d}"  # folder of a checkpoint within the source
    checkpoints: dict[int, str] | None = None  # by iteration, where no pattern gives the names of the folders
    revision: str | None = None  # of the Hub repository; such as "step{iteration}" if each checkpoint is a revision
    revisions: dict[int, str] | None = None  # by iteration, where no pattern gives the names of the revisions
    iterations: Iterations

    @model_validator(mode="after")
    def _tables_are_whole(self) -> Self:
        for key, table, pattern in (
            ("checkpoints", self.checkpoints, "checkpoint"),
            ("revisions", self.revisions, "revision"),
        ):
            if table is None:
                continue
            if pattern in self.model_fields_set:
                raise ValueError(f"{pattern} and {key}: keep one of the two")
            if missing := [iteration for iteration in self.iterations if iteration not in table]:
                raise ValueError(f"{key}: none for iteration {missing[0]}; write one for each of `iterations`")
        return self

    @field_validator("checkpoints", "revisions")
    @classmethod
    def _stays_within_the_source(cls, value: dict[int, str] | None) -> dict[int, str] | None:
        for name in (value or {}).values():
            _refuse_leading_out(name)
        return value

    @field_validator("checkpoint", "revision")
    @classmethod
    def _takes_an_iteration(cls, value: str | None) -> str | None:
        try:
            name = (value or "").format(iteration=1)
        except (ValueError, LookupError, AttributeError):
            raise ValueError('must be a text such as "iter_{iteration:07d}" with no other name in braces') from None
        if value is not None:
            _refuse_leading_out(name)
        return value

    @property
    def has_revisions(self) -> bool:
        """Whether each checkpoint is a separate revision on the Hub."""
        return self.revisions is not None or (self.revision is not None and "{iteration" in self.revision)

    def folder_of(self, iteration: int) -> str:
        """The folder of a checkpoint within the source."""
        return self.checkpoint.format(iteration=iteration) if self.checkpoints is None else self.checkpoints[iteration]

    def revision_of(self, iteration: int) -> str | None:
        """The revision on the Hub of a checkpoint; None: the main one."""
        if self.revisions is not None:
            return self.revisions[iteration]
        return self.revision.format(iteration=iteration) if self.revision else None


def _refuse_leading_out(name: str) -> None:
    if not name or name.startswith("/") or ".." in name.split("/"):
        raise ValueError("must not lead out of its source")


class Suite(_Strict):
    """The models and checkpoints that a task is run on."""

    suite: str
    version: int
    description: str = ""
    context_length: int = Field(gt=0)
    tokens: TokenSchedule
    models: tuple[Model, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        ids = [model.id for model in self.models]
        if len(set(ids)) != len(ids):
            raise ValueError("two models have the same id")
        return self


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One checkpoint: a folder with config.json, safetensors weights and the tokenizer's files."""

    model: str
    iteration: int
    tokens: int  # training tokens seen, a count
    path: Path

    def __str__(self) -> str:
        return f"{self.model} at iteration {self.iteration:,} ({self.tokens / 1e9:,.1f} billion tokens)"


def load_suite(path: Path) -> Suite:
    """Read a suite file. Raises OrganizerError naming the file and the key."""
    return read_model(path, Suite, "it lists the models and checkpoints of a suite")


def checkpoints_root() -> Path:
    """The folder of all checkpoints: $E2LM_CHECKPOINTS, by default e2lm/checkpoints in the user's cache."""
    given = os.environ.get("E2LM_CHECKPOINTS")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(given) if given else cache / "e2lm" / "checkpoints"


def checkpoints_of(suite: Suite, root: Path) -> list[Checkpoint]:
    """Every checkpoint of the suite, model by model, in order of training."""
    return [
        Checkpoint(
            model=model.id,
            iteration=iteration,
            tokens=suite.tokens.tokens_at(iteration),
            path=root / model.source / model.folder_of(iteration),
        )
        for model in suite.models
        for iteration in model.iterations
    ]


def weight_files(checkpoint: Checkpoint) -> list[Path]:
    """The checkpoint's safetensors files, sorted by name.

    Raises OrganizerError when model.safetensors.index.json, which lists several files, is damaged.
    """
    index = checkpoint.path / "model.safetensors.index.json"
    if not index.is_file():
        return [checkpoint.path / "model.safetensors"]
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        return [checkpoint.path / name for name in names]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise OrganizerError(
            f"{index}: damaged, so {checkpoint} cannot be scored; delete {checkpoint.path} and fetch or train it again"
        ) from None


def verify_checkpoint(checkpoint: Checkpoint) -> None:
    """Raise OrganizerError when a file is missing or a weight file is truncated. Reads only headers."""
    for name in ("config.json", "tokenizer.json"):
        if not (checkpoint.path / name).is_file():
            raise OrganizerError(
                f"{checkpoint.path / name}: missing, so {checkpoint} cannot be scored; fetch it with "
                "`e2lm suite fetch` or `e2lm run --disk-budget`, or point E2LM_CHECKPOINTS at the folder that holds it"
            )
    for file in weight_files(checkpoint):
        if not file.is_file():
            raise OrganizerError(
                f"{file}: missing, so {checkpoint} cannot be scored; fetch or train this checkpoint again"
            )
        if file.stat().st_size != _declared_size(file):
            raise OrganizerError(f"{file}: truncated or damaged; delete {checkpoint.path} and fetch or train it again")


def _declared_size(file: Path) -> int:
    """Size in bytes according to the header of a safetensors file; -1 if the header is unreadable.

    The format is 8 bytes with the length of the header, a JSON header, and the tensors.
    """
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if length > file.stat().st_size:
            return -1
        try:
            header = json.loads(stream.read(length))
            ends = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
        except (ValueError, KeyError, TypeError):
            return -1
    return 8 + length + max(ends, default=0)


def engine_groups(checkpoints: list[Checkpoint]) -> Iterator[list[Checkpoint]]:
    """Group checkpoints with byte-identical config and tokenizer; a group shares one engine and one encoding."""
    groups: dict[str, list[Checkpoint]] = {}
    for checkpoint in checkpoints:
        digest = hashlib.sha256()
        for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
            file = checkpoint.path / name
            digest.update(file.read_bytes() if file.is_file() else b"")
        groups.setdefault(digest.hexdigest(), []).append(checkpoint)
    yield from groups.values()
