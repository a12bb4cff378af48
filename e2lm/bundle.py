"""Build the zip that organizers upload to Codabench."""

from __future__ import annotations

import argparse
import hashlib
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

import yaml

from e2lm.archive import files_under, write_zip
from e2lm.catalog import HOUSE, SuiteFiles, find_suite
from e2lm.competition import Competition, Task, read_competition
from e2lm_ingestion.errors import OrganizerError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `e2lm bundle`."""
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="ZIP", help="where the bundle goes")
    parser.add_argument(
        "--suite",
        default="e2lm-2025-full",
        help="a suite's name, or a suite.yaml with a scoring.yaml beside it (default: e2lm-2025-full)",
    )
    parser.add_argument("--image", metavar="NAME", help="the image that workers pull, instead of competition.yaml's")
    parser.add_argument("--queue", metavar="UUID", help="the Codabench queue that your workers listen to")


def main(args: argparse.Namespace) -> int:
    """Check, write and describe the bundle."""
    entries = collect(HOUSE, find_suite(args.suite), image=args.image, queue=args.queue)
    competition = check(entries)
    write_zip(entries, args.output)
    digest = hashlib.sha256(args.output.read_bytes()).hexdigest()
    print(f"{args.output}: {len(entries)} files, {args.output.stat().st_size / 1024:.0f} KiB, sha256 {digest[:16]}")
    print(f"image:  {competition.docker_image}")
    for phase in competition.phases:
        print(f"phase:  {phase.name}, {phase.start} to {phase.end} UTC")
    if competition.queue is None:
        print("note:   without --queue, Codabench's shared workers run it and stop each step after 600 seconds")
    return 0


def collect(root: Path, suite: SuiteFiles, *, image: str | None = None, queue: str | None = None) -> dict[str, bytes]:
    """What goes into the bundle: competition.yaml and everything it names under `root`, with one suite's files.

    Returns name -> content. Raises OrganizerError naming what is missing.
    """
    text = _with_image_and_queue(_read(root / "competition.yaml").decode("utf-8"), image, queue)
    competition = read_competition(text)
    entries = {"competition.yaml": text.encode("utf-8")}
    for name in _named(competition):
        if name.endswith("/"):
            folder = root / name
            entries |= {name + inner: path.read_bytes() for inner, path in files_under(folder)}
        else:
            entries[name] = _read(root / name)
    for task in competition.tasks:
        entries[f"{task.input_data}suite.yaml"] = _read(suite.suite)
        entries[f"{task.reference_data}scoring.yaml"] = _read(suite.scoring)
    return entries


def check(entries: Mapping[str, bytes]) -> Competition:
    """Everything that Codabench would accept and then get wrong. Raises OrganizerError with the key and the remedy."""
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


def _with_image_and_queue(text: str, image: str | None, queue: str | None) -> str:
    if image is not None:
        text, replaced = re.subn(r"(?m)^docker_image:.*$", lambda _: f"docker_image: {image}", text)
        text += "" if replaced else f"\ndocker_image: {image}\n"
    if queue is not None:
        try:
            text += f"\nqueue: {UUID(queue)}\n"
        except ValueError:
            raise OrganizerError(
                f"--queue: {queue!r} is not a queue's UUID; copy it from Codabench's page Queues"
            ) from None
    return text


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise OrganizerError(f"{path}: there is no such file, but the bundle needs it; write it") from None
