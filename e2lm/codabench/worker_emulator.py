"""Emulates a Codabench worker: runs a bundle on a submission, in two steps that share only folders.

Modeled on Codabench's compute worker of March 2026. The steps themselves are run by a function that the caller
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

from e2lm.codabench.bundle import check
from e2lm.codabench.competition_yaml import Competition
from e2lm_ingestion.errors import OrganizerError, SubmissionError
from e2lm_scoring.file_names import REPORT, SCORES


@dataclass(frozen=True, slots=True)
class Step:
    """One program to run, with its own folders."""

    name: str  # submission, ingestion or scoring
    image: str  # the image of its container
    command: str  # as in metadata.yaml, with /app paths
    mounts: dict[str, Path]  # path that the program sees -> folder of this machine
    log: Path  # where its output is logged
    time_limit: int  # seconds


@dataclass(frozen=True, slots=True)
class Exit:
    """How a step ended."""

    code: int
    seconds: float
    timed_out: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """Codabench's verdict on the submission."""

    failure: str | None  # why its status is Failed; None: Finished
    notes: tuple[str, ...]  # remarks on behavior that surprises people
    row: dict[str, float] = field(default_factory=dict)  # column key -> score, in the leaderboard's order
    report: Path | None = None


METADATA = ("metadata.yaml", "metadata")  # the file in which a worker looks for a command
OWN_FILE = "left a file named metadata, which only the worker may write; choose another name"

RunStep = Callable[[Step], Exit]


def run_submission(
    bundle: Path, submission: Path, out: Path, *, data: Path, run_step: RunStep, run_submitted: bool = False
) -> Verdict:
    """Run ingestion, then scoring, as a worker would, leaving everything in `out`/ingestion and `out`/scoring.

    `data` stands for the worker's folder of checkpoints, /app/data. `run_submitted`: whether to run a command in the
    submission too, for containers only. Raises OrganizerError or SubmissionError for a bundle or submission that a
    worker could not start; failures of the programs are in the verdict.
    """
    parts = out / "bundle"
    competition = _open_bundle(bundle, parts)
    task, limit, image = competition.tasks[0], competition.phases[0].execution_time_limit, competition.docker_image

    step_folder = _fresh(out / "ingestion")
    submitted = _unpack_submission(submission, step_folder / "ingested_program")
    shutil.copytree(parts / task.ingestion_program, step_folder / "program")
    shutil.copytree(parts / task.input_data, step_folder / "input_data")
    _prefill(submitted, step_folder / "output")
    mounts = {f"/app/{name}": step_folder / name for name in ("input_data", "output")} | {"/app/data": data}
    program = None
    command = _command(submitted) if run_submitted else None
    if command is not None:
        step = Step("submission", image, command, {**mounts, "/app/program": submitted}, out / "submission.log", limit)
        program = run_step(step)
    mounts |= {"/app/program": step_folder / "program", "/app/ingested_program": submitted}
    ingestion = run_step(Step("ingestion", image, _own_command(step_folder), mounts, out / "ingestion.log", limit))
    notes = tuple(_notes(submitted, program, ingestion))
    if ingestion.timed_out:
        return Verdict(f"ingestion was stopped after {limit} seconds; nothing of its output is kept", notes)
    if (step_folder / "output" / "metadata").exists():
        return Verdict(f"ingestion {OWN_FILE}", notes)

    step_folder, results = _fresh(out / "scoring"), step_folder / "output"
    shutil.copytree(results, step_folder / "input" / "res")
    shutil.copytree(parts / task.reference_data, step_folder / "input" / "ref")
    shutil.copytree(parts / task.scoring_program, step_folder / "program")
    for name in ("output", "shared"):
        (step_folder / name).mkdir()
    _write_status(step_folder / "input" / "res" / "metadata", program, ingestion)
    mounts = {f"/app/{name}": step_folder / name for name in ("program", "input", "output", "shared")}
    step = Step("scoring", image, _own_command(step_folder), {**mounts, "/app/data": data}, out / "scoring.log", limit)
    failure, row = _outcome(competition, step, run_step(step))
    report = step_folder / "output" / REPORT
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
    row, problem = read_scores(output / SCORES, columns)
    return problem, row


def _notes(submission: Path, program: Exit | None, ingestion: Exit) -> Iterator[str]:
    if program is not None:
        yield f"the submission contains a command, which a worker runs: it ended with exit code {program.code}"
    elif _command(submission) is not None:
        yield "the submission contains a command, which a worker would run; only --docker runs it here"
    if ingestion.code != 0:
        yield f"ingestion exited with code {ingestion.code}; a worker runs scoring anyway"


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8").split("\n")
    return next((line for line in reversed(lines) if line.strip()), "it printed nothing")


def read_scores(path: Path, columns: list[str]) -> tuple[dict[str, float], str | None]:
    """The leaderboard row of a scores.json, and the fault that Codabench would find in it or overlook (None: none)."""
    if not path.is_file():
        return {}, f"scoring wrote no {SCORES}"
    try:
        scores = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        return {}, f"{SCORES} is not JSON: {error}"
    if not isinstance(scores, dict):
        return {}, f"{SCORES} is not one flat object of column keys and numbers"
    for key, value in scores.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return {}, f"{SCORES}: {key} is {json.dumps(value)}, not a finite number; Codabench would lose the row"
    if missing := [key for key in columns if key not in scores]:
        return {}, f"{SCORES}: no {', '.join(missing)}; Codabench would sort the row on top"
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


def _unpack_submission(submission: Path, folder: Path) -> Path:
    if submission.is_dir():
        return Path(shutil.copytree(submission, folder))
    folder.mkdir()
    try:
        with zipfile.ZipFile(submission) as archive:
            archive.extractall(folder)
    except FileNotFoundError:
        raise SubmissionError(f"{submission}: there is no such zip or folder; check the path") from None
    except zipfile.BadZipFile:
        raise SubmissionError(f"{submission}: not a zip; make one with e2lm pack FOLDER -o {submission}") from None
    return folder


def _prefill(submission: Path, output: Path) -> None:
    """The worker takes a submission without metadata for results, and copies it to the output folder of ingestion."""
    if any((submission / name).exists() for name in METADATA):
        output.mkdir()
    else:
        shutil.copytree(submission, output)


def _command(program: Path) -> str | None:
    """The command that a worker finds in a folder, if any."""
    metadata = next((program / name for name in METADATA if (program / name).is_file()), None)
    try:
        found = yaml.safe_load(metadata.read_text(encoding="utf-8")) if metadata else None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        return None
    command = found.get("command") if isinstance(found, dict) else None
    return str(command) if command else None


def _own_command(step_folder: Path) -> str:
    """The command of one of the bundle's programs, which the check of the bundle guarantees."""
    return _command(step_folder / "program") or ""


def _write_status(path: Path, program: Exit | None, ingestion: Exit) -> None:
    """The worker's status file beside ingestion's results. `exitCode` is that of a command in the submission."""
    status = {
        "exitCode": program.code if program else None,
        "elapsedTime": program.seconds if program else ingestion.seconds,
        "ingestionExitCode": ingestion.code,
        "ingestionElapsedTime": ingestion.seconds,
    }
    path.write_text(yaml.safe_dump(status), encoding="utf-8")


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
