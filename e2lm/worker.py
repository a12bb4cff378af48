"""What a Codabench worker does with a bundle and a submission: two steps that share nothing but folders.

Written after Codabench's compute worker of March 2026. The steps themselves are run by a function that the caller
chooses, so that the same mechanics serve processes of this machine and containers.
"""

from __future__ import annotations

import json
import math
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from e2lm.bundle import check
from e2lm.competition import Competition
from e2lm_ingestion.errors import OrganizerError, SubmissionError


@dataclass(frozen=True, slots=True)
class Step:
    """One program to run, in a place of its own."""

    name: str  # ingestion or scoring
    command: str  # as in metadata.yaml, with /app paths
    mounts: dict[str, Path]  # path that the program sees -> folder of this machine
    log: Path  # what it printed goes here
    time_limit: int  # seconds


@dataclass(frozen=True, slots=True)
class Exit:
    """How a step ended."""

    code: int
    seconds: float
    timed_out: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What Codabench would show of the submission."""

    failure: str | None  # why its status is Failed; None: Finished
    notes: tuple[str, ...]  # what surprises people about it
    row: dict[str, float] = field(default_factory=dict)  # column key -> score, in the leaderboard's order
    report: Path | None = None


METADATA = ("metadata.yaml", "metadata")  # where a worker looks for a command
OWN_FILE = "left a file named metadata, which only the worker may write; choose another name"

RunStep = Callable[[Step], Exit]


def run_submission(bundle: Path, submission: Path, out: Path, *, data: Path, run_step: RunStep) -> Verdict:
    """Run ingestion, then scoring, as a worker would, leaving everything in `out`/ingestion and `out`/scoring.

    `data` stands for the worker's folder of checkpoints, /app/data. Raises OrganizerError or SubmissionError for what
    a worker could not even start; what the programs do wrong is in the verdict.
    """
    parts = out / "bundle"
    competition = _open_bundle(bundle, parts)
    task, limit = competition.tasks[0], competition.phases[0].execution_time_limit

    place = _fresh(out / "ingestion")
    _unpack_submission(submission, place / "ingested_program")
    shutil.copytree(parts / task.ingestion_program, place / "program")
    shutil.copytree(parts / task.input_data, place / "input_data")
    _prefill(place / "ingested_program", place / "output")
    mounts = {f"/app/{name}": place / name for name in ("program", "ingested_program", "input_data", "output")}
    step = Step("ingestion", _command(place), {**mounts, "/app/data": data}, out / "ingestion.log", limit)
    ingestion = run_step(step)
    notes = tuple(_notes(place / "ingested_program", ingestion))
    if ingestion.timed_out:
        return Verdict(f"ingestion was stopped after {limit} seconds; nothing of its output is kept", notes)
    if (place / "output" / "metadata").exists():
        return Verdict(f"ingestion {OWN_FILE}", notes)

    place, results = _fresh(out / "scoring"), place / "output"
    shutil.copytree(results, place / "input" / "res")
    shutil.copytree(parts / task.reference_data, place / "input" / "ref")
    shutil.copytree(parts / task.scoring_program, place / "program")
    (place / "output").mkdir()
    _write_status(place / "input" / "res" / "metadata", ingestion)
    mounts = {f"/app/{name}": place / name for name in ("program", "input", "output")}
    step = Step("scoring", _command(place), {**mounts, "/app/data": data}, out / "scoring.log", limit)
    failure, row = _outcome(competition, step, run_step(step))
    report = place / "output" / "detailed_results.html"
    return Verdict(failure, notes, row, report if report.is_file() else None)


def _outcome(competition: Competition, step: Step, scoring: Exit) -> tuple[str | None, dict[str, float]]:
    output = step.mounts["/app/output"]
    if scoring.timed_out:
        return f"scoring was stopped after {step.time_limit} seconds", {}
    if scoring.code != 0:
        return f"scoring exited with code {scoring.code}: {_last_line(step.log)}", {}
    if (output / "metadata").exists():
        return f"scoring {OWN_FILE}", {}
    columns = [column.key for column in competition.leaderboards[0].columns if column.computation is None]
    row, problem = read_scores(output / "scores.json", columns)
    return problem, row


def _notes(submission: Path, ingestion: Exit) -> Iterator[str]:
    if any((submission / name).exists() for name in METADATA):
        yield "the submission holds metadata: a worker would run its command as a program, which is not done here"
    if ingestion.code != 0:
        yield f"ingestion exited with code {ingestion.code}; a worker goes on to scoring all the same"


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8").split("\n")
    return next((line for line in reversed(lines) if line.strip()), "it printed nothing")


def read_scores(path: Path, columns: list[str]) -> tuple[dict[str, float], str | None]:
    """The leaderboard row of a scores.json, and what Codabench would get wrong with it (None: nothing)."""
    if not path.is_file():
        return {}, "scoring wrote no scores.json"
    try:
        scores = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        return {}, f"scores.json is not JSON: {error}"
    if not isinstance(scores, dict):
        return {}, "scores.json is not one flat object of column keys and numbers"
    for key, value in scores.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return {}, f"scores.json: {key} is {json.dumps(value)}, not a finite number; Codabench would lose the row"
    if missing := [key for key in columns if key not in scores]:
        return {}, f"scores.json: no {', '.join(missing)}; Codabench would sort the row on top"
    return {key: float(scores[key]) for key in columns}, None


def _open_bundle(bundle: Path, folder: Path) -> Competition:
    try:
        with zipfile.ZipFile(bundle) as archive:
            entries = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
            archive.extractall(_fresh(folder))
    except (FileNotFoundError, IsADirectoryError, zipfile.BadZipFile):
        raise OrganizerError(f"{bundle}: not a bundle; build one with e2lm bundle -o {bundle}") from None
    if "competition.yaml" not in entries:
        raise OrganizerError(f"{bundle}: competition.yaml is not at its root; build it with e2lm bundle -o {bundle}")
    return check(entries)


def _unpack_submission(submission: Path, folder: Path) -> None:
    if submission.is_dir():
        shutil.copytree(submission, folder)
        return
    try:
        with zipfile.ZipFile(submission) as archive:
            archive.extractall(folder)
    except FileNotFoundError:
        raise SubmissionError(f"{submission}: there is no such zip or folder; check the path") from None
    except zipfile.BadZipFile:
        raise SubmissionError(f"{submission}: not a zip; make one with e2lm pack FOLDER -o {submission}") from None


def _prefill(submission: Path, output: Path) -> None:
    """A submission without metadata is taken for results: the worker copies it to where ingestion will write."""
    if any((submission / name).exists() for name in METADATA):
        output.mkdir()
    else:
        shutil.copytree(submission, output)


def _command(place: Path) -> str:
    metadata = yaml.safe_load((place / "program" / "metadata.yaml").read_text(encoding="utf-8"))
    return str(metadata["command"])


def _write_status(path: Path, ingestion: Exit) -> None:
    """The worker's own file beside ingestion's results. The submission is no program, so `exitCode` is empty."""
    status = {
        "exitCode": None,
        "elapsedTime": ingestion.seconds,
        "ingestionExitCode": ingestion.code,
        "ingestionElapsedTime": ingestion.seconds,
    }
    path.write_text(yaml.safe_dump(status), encoding="utf-8")


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
