"""Collects the bundle that organizers upload to Codabench, and checks it for mistakes that Codabench lets pass."""

from __future__ import annotations

import re
import secrets
import shlex
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

import yaml

from e2lm.archive import files_under
from e2lm.codabench.competition_yaml import Column, Competition, Task, read_competition
from e2lm.codabench.sources import Sources
from e2lm.codabench.starting_kit import starting_kit
from e2lm.edition.schema import IMAGE, STARTING, Edition
from e2lm.edition.template import filled_in
from e2lm.edition.values import values
from e2lm.suites.registry import SuiteFiles
from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.results.seal import KEY_FILE
from e2lm_scoring.columns import BY_KEY, columns_of
from e2lm_scoring.file_names import COMPETITION, SCORES
from e2lm_scoring.inputs.configuration import load_configuration

PLAIN_LOGO = "logo-plain.png"
STARTING_KIT = "starting_kit.zip"  # built here, unlike the other files that competition.yaml names


def with_image(edition: Edition, image: str | None, queue: str | None) -> Edition:
    """The edition with another image or queue. Raises OrganizerError."""
    if image is not None and not re.fullmatch(IMAGE, image):
        raise OrganizerError(
            f"--image {image!r}: not the name of an image; give one such as registry.example.org/e2lm:1.0"
        )
    return edition.model_copy(update={"image": image or edition.image, "queue": _uuid(queue) or edition.queue})


def collect(found: Sources) -> dict[str, bytes]:
    """Contents of the bundle: competition.yaml and everything it names, with the files of one suite.

    Values in competition.yaml and in the pages are those of the edition, its suite and its scoring. Returns
    name -> content. Raises OrganizerError naming what is missing.
    """
    edition = found.scored.edition
    filling = values(found.scored)
    text = filled_in(_read(found.path("competition.yaml")).decode("utf-8"), filling, "competition.yaml")
    if edition.queue is not None:
        text += f"\nqueue: {edition.queue}\n"
    competition = read_competition(text)
    entries = {"competition.yaml": text.encode("utf-8")}
    for name in _named(competition):
        if name == STARTING_KIT:
            entries[name] = starting_kit(found)
        elif name == competition.image:
            entries[name] = _logo(found, name)
        elif name.endswith("/"):
            folder = found.root / name
            entries |= {name + inner: path.read_bytes() for inner, path in files_under(folder)}
        elif name.endswith(".md"):
            page = filled_in(_read(found.path(name)).decode("utf-8"), filling, name)
            entries[name] = re.sub(r"\n{3,}", "\n\n", page).encode("utf-8")
        else:
            entries[name] = _read(found.path(name))
    for task in competition.tasks:
        name = f"{task.ingestion_program}metadata.yaml"
        if name in entries:
            entries[name] = _with_limits(entries[name].decode("utf-8"), edition).encode("utf-8")
        entries[f"{task.input_data}suite.yaml"] = _read(found.suite.suite)
        entries[f"{task.reference_data}scoring.yaml"] = _read(found.suite.scoring)
        entries[f"{task.reference_data}{COMPETITION}"] = f"{edition.title}\n".encode()
    return entries


def _with_limits(metadata: str, edition: Edition) -> str:
    """Ingestion's metadata.yaml with the edition's time and worker, by which it refuses what cannot fit."""
    for option, value in (
        ("deadline", edition.sweep_minutes),
        ("gpu", edition.worker.gpu),
        ("gpus", edition.worker.gpus),
    ):
        metadata = re.sub(rf"--{option}[ =]\S+", f"--{option} {value}", metadata)
    return metadata


def _logo(found: Sources, name: str) -> bytes:
    """The edition's own logo, or the project's without a name in it."""
    logo = found.scored.edition.logo
    return _read(found.folder / logo if logo else found.root / PLAIN_LOGO)


def new_key(competition: Competition) -> dict[str, bytes]:
    """A fresh key for the data of both programs: ingestion seals results with it, scoring verifies the seal."""
    key = secrets.token_hex(32).encode()
    folders = {folder for task in competition.tasks for folder in (task.input_data, task.reference_data)}
    return {folder + KEY_FILE: key for folder in sorted(folders)}


def check(entries: Mapping[str, bytes]) -> Competition:
    """Check for mistakes that Codabench accepts silently. Raises OrganizerError with the key and the remedy."""
    competition = read_competition(entries["competition.yaml"].decode("utf-8"))
    for name in _named(competition):
        if name.endswith("/") and not any(entry.startswith(name) for entry in entries):
            raise OrganizerError(
                f"competition.yaml names {name}, but the folder is missing or empty; put its files there"
            )
        if not name.endswith("/") and not entries.get(name, b"").strip():
            raise OrganizerError(f"competition.yaml names {name}, but the file is missing or empty; write it")
    for task in competition.tasks:
        _check_programs(task, entries)
    return competition


def _named(competition: Competition) -> list[str]:
    names = [competition.image, competition.terms, *(page.file for page in competition.pages)]
    for task in competition.tasks:
        names.extend(task.folders)
    for phase in competition.phases:
        names.extend(name for name in (phase.starting_kit, phase.public_data) if name is not None)
    return list(dict.fromkeys(names))


def _check_programs(task: Task, entries: Mapping[str, bytes]) -> None:
    for folder in (task.ingestion_program, task.scoring_program):
        name = f"{folder}metadata.yaml"
        if name not in entries:
            raise OrganizerError(f"{name}: missing, so the worker would not know what to run; write its command there")
        try:
            metadata = yaml.safe_load(entries[name])
        except yaml.YAMLError as error:
            raise OrganizerError(f"{name}: not YAML: {' '.join(str(error).split())}") from None
        command = metadata.get("command") if isinstance(metadata, dict) else None
        if not isinstance(command, str) or set(metadata) != {"command"}:
            raise OrganizerError(f"{name}: the worker reads one key, command; write that and nothing else")
        if found := re.search(r"[$|&;<>`]", command):
            raise OrganizerError(f"{name}: command: no shell reads {found[0]!r}; write plain arguments and /app paths")
        for argument in shlex.split(command):
            program = argument.removeprefix("/app/program/")
            if program != argument and folder + program not in entries:
                raise OrganizerError(f"{name}: command: {folder}{program} does not exist; correct the path")


def check_columns(competition: Competition, suite: SuiteFiles) -> None:
    """Raise OrganizerError for columns that no submission can fill on this suite, or that are sorted the wrong way."""
    shown = [column for column in competition.leaderboards[0].columns if column.computation is None]
    for column in shown:
        if problem := _problem(column):
            raise OrganizerError(f"competition.yaml: leaderboards: {column.key} {problem}")
    filled = columns_of(load_configuration(suite.scoring))
    empty = [known for known in (BY_KEY[column.key] for column in shown) if known not in filled]
    if empty:
        reasons = "; ".join(f"{one.key} needs {' and '.join(need.words for need in one.needs)}" for one in empty)
        raise OrganizerError(
            f"competition.yaml: leaderboards: {suite.scoring} cannot fill {', '.join(one.key for one in empty)}: "
            f"{reasons}; remove the columns or choose another suite"
        )


def _problem(column: Column) -> str:
    """What is wrong with a column whatever the suite, or ""."""
    known = BY_KEY.get(column.key)
    if known is None:
        return f"is not a column of {SCORES}; choose one of {', '.join(BY_KEY)}"
    if known.tasks:
        return "is missing for some tasks, and Codabench would sort their rows on top; remove the column"
    if column.sorting != known.sorting:
        return f"would be sorted with the worst on top; write sorting: {known.sorting}"
    return ""


def check_deadline(competition: Competition, entries: Mapping[str, bytes]) -> None:
    """Raise OrganizerError when the platform would stop the sweep before its deadline, which loses all results."""
    limit = min(phase.execution_time_limit for phase in competition.phases)
    for task in competition.tasks:
        name = f"{task.ingestion_program}metadata.yaml"
        found = re.search(r"--deadline[ =](\d+)", entries[name].decode("utf-8"))
        if found is None or int(found[1]) * 60 + STARTING > limit:
            most = (limit - STARTING) // 60
            raise OrganizerError(
                f"{name}: command: the sweep must stop before the step's {limit} seconds are over; write "
                f"--deadline {most} (minutes)"
            )


def _uuid(queue: str | None) -> UUID | None:
    try:
        return UUID(queue) if queue is not None else None
    except ValueError:
        raise OrganizerError(
            f"--queue: {queue!r} is not a queue's UUID; copy it from Codabench's page Queues"
        ) from None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise OrganizerError(f"{path}: there is no such file, but the bundle needs it; write it") from None
