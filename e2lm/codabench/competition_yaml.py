"""competition.yaml as Codabench reads it; mistakes that Codabench ignores silently are errors here.

Codabench ignores keys it does not know, drops the time of day of unquoted dates and fills in unwanted defaults. The
models below accept only the keys that it reads, and require those with an unwanted default.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from e2lm_ingestion.organizer_yaml import Remedies, parse_model

# The effect of a missing key that Codabench does not require, and the remedy.
WITHOUT: Mapping[str, str] = {
    "docker_image": "Codabench would run a Python 3.7 image; name the competition's image",
    "submission_rule": "the default, Add, puts nothing on the leaderboard; add submission_rule: Force_Best",
    "sorting": "add sorting: desc (larger is better) or asc",
    "precision": "Codabench would round to 2 digits; add precision: 4",
    "end": "a phase without an end never makes room for the next; add end",
    "max_submissions_per_day": "the default is 5; add max_submissions_per_day",
    "max_submissions": "a team would be stopped after 100 in the phase; add max_submissions",
    "hide_prediction_output": "participants could download the scores of late checkpoints; add "
    "hide_prediction_output: true",
    "execution_time_limit": "each step would be stopped after 600 seconds; add execution_time_limit",
}
REMEDIES = Remedies(unknown="Codabench does not know this key and would ignore it", missing=WITHOUT)


def _moment(value: Any) -> datetime:  # noqa: ANN401 (what YAML holds)
    if not isinstance(value, str):
        raise ValueError('not quoted, so its time of day would be lost; write "YYYY-MM-DD hh:mm:ss", quotes included')
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(f'{value!r} is not a time; write "YYYY-MM-DD hh:mm:ss"') from None
    if moment.tzinfo is not None:
        raise ValueError("has a time zone, which would be dropped; write the time in UTC, without one")
    return moment


def _folder(value: str) -> str:
    if not value.endswith("/"):
        raise ValueError(f"a folder is written with a slash at its end: {value}/")
    return value


def _folder_or_zip(value: str) -> str:
    return value if value.endswith(".zip") else _folder(value)


def _true(value: bool) -> bool:
    if not value:
        raise ValueError("false: participants could download the scores of late checkpoints; write true")
    return value


Moment = Annotated[datetime, BeforeValidator(_moment)]
Folder = Annotated[str, AfterValidator(_folder)]
FolderOrZip = Annotated[str, AfterValidator(_folder_or_zip)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Page(_Strict):
    """A tab of the competition's site."""

    title: str
    file: str


class Task(_Strict):
    """The two programs and the inputs of each."""

    index: int
    name: str
    description: str | None = None
    ingestion_program: Folder
    input_data: Folder
    scoring_program: Folder
    reference_data: Folder

    @property
    def folders(self) -> tuple[str, str, str, str]:
        """The folders that the bundle must hold for this task."""
        return self.ingestion_program, self.input_data, self.scoring_program, self.reference_data


class Phase(_Strict):
    """A span of time with its limits."""

    index: int = 0
    name: str
    description: str | None = None
    start: Moment
    end: Moment
    tasks: list[int] = Field(
        min_length=1, max_length=1
    )  # Codabench's migration does nothing in a phase of several tasks
    max_submissions_per_day: int
    max_submissions: int
    execution_time_limit: int = Field(gt=0)  # seconds, for each of the two steps
    hide_prediction_output: Annotated[bool, AfterValidator(_true)]  # the output of ingestion
    auto_migrate_to_this_phase: bool = False
    hide_output: bool = False
    hide_score_output: bool = False
    starting_kit: FolderOrZip | None = None
    public_data: FolderOrZip | None = None

    @model_validator(mode="after")
    def _ends_after_its_start(self) -> Self:
        if self.end <= self.start:
            raise ValueError("end is not after start")
        return self


class Column(_Strict):
    """A column of the leaderboard; `key` is the key in scores.json."""

    index: int
    key: str = Field(max_length=36)
    title: str = Field(max_length=36)
    sorting: Literal["desc", "asc"]
    precision: int = Field(ge=0)
    hidden: bool = False
    computation: Literal["avg", "sum", "min", "max"] | None = None
    computation_indexes: list[int] | None = None


class Leaderboard(_Strict):
    """The one leaderboard of all phases."""

    index: int = 0
    title: str = Field(max_length=64)
    key: str = Field(max_length=36)
    hidden: bool = False
    submission_rule: Literal["Force_Best", "Force_Last", "Force_Latest_Multiple"]
    primary_index: int = 0
    columns: list[Column] = Field(min_length=1)

    @model_validator(mode="after")
    def _columns_are_told_apart(self) -> Self:
        indexes = [column.index for column in self.columns]
        keys = [column.key for column in self.columns]
        if len(set(indexes)) != len(indexes) or len(set(keys)) != len(keys):
            raise ValueError("two columns have the same index or key; make both unique")
        if self.primary_index not in indexes:
            raise ValueError(
                f"primary_index {self.primary_index} is not the index of a column; choose one of {indexes}"
            )
        return self


class Question(_Strict):
    """A question of the fact sheet. The two `is_` values are strings."""

    key: str
    type: Literal["checkbox", "text", "select"]
    title: str
    selection: list[str] | Literal[""]
    is_required: Literal["true", "false"]
    is_on_leaderboard: Literal["true", "false"]


class Competition(_Strict):
    """competition.yaml."""

    version: Literal[2]
    title: str = Field(max_length=256)
    description: str = ""
    image: str = Field(pattern=r"\.(png|jpg|jpeg|gif|webp)$")
    terms: str
    pages: list[Page] = Field(min_length=1)
    tasks: list[Task] = Field(min_length=1)
    phases: list[Phase] = Field(min_length=1)
    leaderboards: list[Leaderboard] = Field(min_length=1, max_length=1)  # Codabench reads only the first
    docker_image: str = Field(max_length=128)
    queue: str | None = None
    competition_type: Literal["competition", "benchmark"] = "competition"
    fact_sheet: dict[str, Question] | None = None
    reward: str | None = None
    contact_email: str | None = None
    registration_auto_approve: bool = False
    forum_enabled: bool = True
    auto_run_submissions: bool = True
    enable_detailed_results: bool = False
    show_detailed_results_in_submission_panel: bool = True
    show_detailed_results_in_leaderboard: bool = True
    can_participants_make_submissions_public: bool = True
    make_programs_available: bool = False
    make_input_data_available: bool = False

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        for problem in self._disagreements():
            raise ValueError(problem)
        return self

    def _disagreements(self) -> Iterator[str]:
        indexes = [task.index for task in self.tasks]
        if len(set(indexes)) != len(indexes):
            yield "tasks: two have the same index; make it unique"
        phases = sorted(self.phases, key=lambda phase: phase.index)
        for phase in phases:
            if phase.tasks[0] not in indexes:
                yield f"phases: {phase.name}: no task has index {phase.tasks[0]}; choose one of {indexes}"
        for before, after in pairwise(phases):
            if after.start <= before.end:
                yield (
                    f"phases: {after.name} starts at {after.start}, but {before.name} ends at {before.end}; "
                    "let it start at least a second after that"
                )
        if phases[0].auto_migrate_to_this_phase:
            yield f"phases: {phases[0].name}: auto_migrate_to_this_phase cannot be true in the first; remove it"
        for name, question in (self.fact_sheet or {}).items():
            if question.key != name:
                yield f"fact_sheet: {name}: key is {question.key!r}; repeat the name: key: {name}"


def read_competition(text: str) -> Competition:
    """Parse competition.yaml. Raises OrganizerError, one line with the key and the remedy."""
    return parse_model(text, Competition, "competition.yaml", REMEDIES)
