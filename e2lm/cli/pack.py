"""Check a submission folder and zip it for upload."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from e2lm.archive import write_zip
from e2lm_ingestion.errors import SubmissionError, naming
from e2lm_ingestion.output_types.item_sets import item_set_of
from e2lm_ingestion.submission.file_rules import PACK_MARK, list_files, shown
from e2lm_ingestion.submission.submission import open_submission


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `e2lm pack`."""
    parser.add_argument("folder", type=Path, help="the folder that holds task.yaml")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("submission.zip"),
        metavar="ZIP",
        help="the file to write (default: submission.zip)",
    )
    parser.epilog = (
        "example: e2lm pack my-task\nnext:    upload the zip on the competition's page, under My Submissions"
    )


def main(args: argparse.Namespace) -> int:
    """Check the submission, then write its zip; a submission that would be rejected is not zipped."""
    root = root_of(args.folder)
    if args.output.is_dir():
        raise SubmissionError(f"{args.output}: a folder; give the zip a name, such as {args.output / 'submission.zip'}")
    files, left_out = list_files(root, besides=args.output)
    entries = {inner: path.read_bytes() for inner, path in files.items()}
    with tempfile.TemporaryDirectory() as folder:
        packed = Path(folder) / "submission.zip"
        write_zip(entries, packed, PACK_MARK)
        with open_submission(packed) as submission:
            name, items = submission.name, item_set_of(submission).count
        args.output.parent.mkdir(parents=True, exist_ok=True)
        with naming(args.output):
            shutil.move(packed, args.output)
    print(f"{args.output}: {name}, {items:,} items, {len(entries)} files, {args.output.stat().st_size / 1024:.0f} KiB")
    for inner, content in entries.items():
        print(f"  {inner}  {len(content):,} bytes")
    if left_out:
        print(f"left out, as no data: {', '.join(map(shown, left_out))}")
    print("next: upload it on the competition's page, under My Submissions")
    return 0


def root_of(folder: Path) -> Path:
    """The folder with task.yaml: the one given, or the only one inside it. Raises SubmissionError without one."""
    if not folder.is_dir():
        raise SubmissionError(f"{folder}: not a folder; give the folder that holds task.yaml")
    candidates = [folder, *(entry for entry in sorted(folder.iterdir()) if entry.is_dir())]
    found = [candidate for candidate in candidates if (candidate / "task.yaml").is_file()]
    if not found:
        raise SubmissionError(f"{folder}: no task.yaml in it; write one, or give the folder that holds it")
    if found[0] != folder and len(found) > 1:
        raise SubmissionError(f"{folder}: holds several submissions; give one of {', '.join(map(str, found))}")
    return found[0]
