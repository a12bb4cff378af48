"""Build the zip that organizers upload to Codabench."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

from e2lm.archive import write_zip
from e2lm.codabench.bundle import check, check_columns, check_deadline, collect, new_key, with_image
from e2lm.codabench.sources import models_of_the_project, sources
from e2lm.edition.current import current_edition, own_edition
from e2lm.edition.statements import check_statements
from e2lm.edition.values import formula, shown_columns
from e2lm.project import PROJECT_ROOT
from e2lm.suites.registry import find_suite
from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.results.seal import KEY_FILE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `e2lm bundle`."""
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="ZIP", help="the zip to write")
    parser.add_argument(
        "--suite", help="a suite's name, or a suite.yaml with a scoring.yaml beside it (default: edition.yaml's)"
    )
    parser.add_argument(
        "--image", metavar="NAME", help="the image that workers pull, in place of the one in edition.yaml"
    )
    parser.add_argument("--queue", metavar="UUID", help="the Codabench queue that your workers listen to")
    parser.epilog = "example: e2lm bundle -o bundle.zip\nnext:    e2lm dry-run bundle.zip submission.zip"


def main(args: argparse.Namespace) -> int:
    """Check, write and describe the bundle."""
    if not (PROJECT_ROOT / "competition.yaml").is_file():
        raise OrganizerError(
            f"{PROJECT_ROOT}: no competition.yaml here; install the project from its repository to build bundles"
        )
    current = current_edition()
    edition = with_image(current.edition, args.image, args.queue)
    suite = find_suite(args.suite or edition.suite)
    found = sources(PROJECT_ROOT, current.path.parent, edition, suite)
    entries = collect(found)
    competition = check(entries)
    check_columns(competition, suite)
    check_deadline(competition, entries)
    if found.is_of_the_project:
        check_statements(entries, found.scored)
    else:
        check_statements(entries, found.scored, own_edition(), models_of_the_project())
    entries |= new_key(competition)
    write_zip(entries, args.output)
    digest = hashlib.sha256(args.output.read_bytes()).hexdigest()
    print(f"{args.output}: {len(entries)} files, {args.output.stat().st_size / 1024:.0f} KiB, sha256 {digest[:16]}")
    print(f"edition: {current}")
    print(f"score:  {formula(found.scored.scoring)}, on {found.scored.suite.suite}")
    for column in shown_columns(edition, found.scored.scoring)[1]:
        print(f"no column {column.key}: this suite has not {' and '.join(need.words for need in column.needs)}")
    print(f"image:  {competition.docker_image}")
    for phase in competition.phases:
        print(f"phase:  {phase.name}, {phase.start} to {phase.end} UTC")
    print(f"key:    in the bundle; an {KEY_FILE} beside the workers' checkpoints takes precedence and is safer")
    if competition.queue is None:
        print("note:   without --queue, Codabench's shared workers run it and stop each step after 600 seconds")
    return 0
