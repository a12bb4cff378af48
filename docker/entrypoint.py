"""Entry point of the image: runs the competition's two programs and refuses everything else.

A Codabench worker passes it the command of the metadata.yaml in /app/program, which may be a submission's. The two
programs are recognized by content: /app/program must equal, file by file, one of the copies in this image.
"""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

KNOWN = Path("/opt/e2lm/programs")  # copies of ingestion_program/ and scoring_program/ from the build of the image
MOUNTED = Path("/app/program")
SEEN_BY_PROGRAMS = (Path("/app/ingested_program"), Path("/app/input"))  # mounted for ingestion and for scoring


def main(arguments: Sequence[str]) -> int:
    """Run the command of a known program and return its exit code; 2 if the command is refused."""
    refusal = refuse(arguments)
    if refusal is not None:
        print(f"error: {refusal}", file=sys.stderr, flush=True)
        return 2
    # A child process instead of exec: if the kernel kills it for its memory, this process prints the reason.
    code = subprocess.run(arguments, check=False).returncode
    if code < 0:
        print(f"error: {ended_by(-code)}", file=sys.stderr, flush=True)
        return 128 - code
    return code


def refuse(arguments: Sequence[str], *, known: Path = KNOWN, mounted: Path = MOUNTED) -> str | None:
    """The reason for a refusal as one line; None if the arguments are the command of a known program."""
    program = next((one for one in sorted(known.iterdir()) if same(one, mounted)), None)
    if program is None and not any(path.exists() for path in SEEN_BY_PROGRAMS):
        return "a submission is data, and no program of its own is run; remove metadata.yaml from the zip"
    if program is None:
        return (
            f"{mounted} is neither of the two programs that this image was built with; "
            "organizers: build the image and the bundle from the same files"
        )
    command = command_of(program)
    if list(arguments) != command:
        return f"only the program's own command is run: {shlex.join(command)}"
    return None


def same(known: Path, mounted: Path) -> bool:
    """Whether two folders hold the same files and folders, byte for byte."""
    names = listing(known)
    return listing(mounted) == names and all(
        (known / name).read_bytes() == (mounted / name).read_bytes() for name, kind in names.items() if kind == "file"
    )


def listing(folder: Path) -> dict[str, str]:
    """Content of a folder: relative path -> "file", "folder" or "other" (every link is "other")."""
    return {str(path.relative_to(folder)): kind_of(path) for path in folder.rglob("*")}


def kind_of(path: Path) -> str:
    """The kind of a path: "file", "folder" or "other"."""
    if path.is_symlink():
        return "other"
    return "file" if path.is_file() else "folder" if path.is_dir() else "other"


def command_of(program: Path) -> list[str]:
    """The arguments of the command in a program's metadata.yaml, split as the worker splits them."""
    _, _, command = (program / "metadata.yaml").read_text(encoding="utf-8").partition("command:")
    return shlex.split(command)


def ended_by(number: int) -> str:
    """Message for a program that was ended by a signal."""
    if number == signal.SIGKILL:
        return (
            "the program was killed, most likely for using more memory than this machine or container has; "
            "submit fewer items or shorter prompts, or give the worker more memory"
        )
    return f"the program was ended by {signal.Signals(number).name}; the last lines above say where"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
