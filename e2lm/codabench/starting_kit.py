"""The starting kit: a zip with the program as a wheel, a README, examples, notebooks and documents."""

from __future__ import annotations

import os
import posixpath
import re
import subprocess
import sys
import tempfile
from collections.abc import Container
from pathlib import Path

from e2lm.archive import files_under, zip_bytes
from e2lm_ingestion.errors import OrganizerError

# Of docs/: what a task may say, what its score is, and how it becomes better.
DOCUMENTS = (
    *("quickstart.md", "better.md", "task-language.md", "task-reference.md", "errors.md", "baselines.md"),
    *("metrics.md", "curves.svg", "validity.md", "uncertainty.md", "glossary.md", "signal.md"),
)
LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]+)\]\((?P<target>[^)\s]+)\)")
_EPOCH_SECONDS = "315532800"  # archive.EPOCH, so that the wheel has the same bytes every time


def starting_kit(root: Path) -> bytes:
    """The kit of the repository under `root`, the same bytes for the same files. Raises OrganizerError."""
    paths = dict(files_under(root / "starting_kit")) | {f"docs/{name}": root / "docs" / name for name in DOCUMENTS}
    entries = {name: path.read_bytes() for name, path in paths.items()}
    for name in (name for name in entries if name.endswith(".md")):
        source = paths[name].relative_to(root).parent
        entries[name] = _relinked(entries[name].decode(), str(source), posixpath.dirname(name), entries).encode()
    name, wheel = build_wheel(root)
    return zip_bytes({**entries, name: wheel})


def _relinked(text: str, source: str, folder: str, kit: Container[str]) -> str:
    """A document of the repository's folder `source` in the kit's `folder`.

    Its links lead to files of the kit; those to anything else become plain text.
    """

    def relinked(link: re.Match[str]) -> str:
        path, hash_sign, anchor = link["target"].partition("#")
        if "://" in path or not path:
            return link[0]
        target = posixpath.normpath(posixpath.join(source, path)).removeprefix("starting_kit/")
        if target not in kit:
            return link["text"]
        return f"[{link['text']}]({posixpath.relpath(target, folder or '.')}{hash_sign}{anchor})"

    return LINK.sub(relinked, text)


def build_wheel(root: Path) -> tuple[str, bytes]:
    """The wheel of the project under `root`: its name and content. Nothing is written there or downloaded."""
    with tempfile.TemporaryDirectory(prefix="e2lm-wheel-") as folder:
        scratch = Path(folder)
        done = subprocess.run(
            [
                *(sys.executable, "setup.py", "--quiet"),
                *("egg_info", "--egg-base", folder),
                *("build", "--build-base", folder),
                *("bdist_wheel", "--bdist-dir", str(scratch / "bdist"), "--dist-dir", str(scratch / "dist")),
            ],
            cwd=root,
            env={**os.environ, "SOURCE_DATE_EPOCH": _EPOCH_SECONDS},
            capture_output=True,
            text=True,
            check=False,
        )
        wheels = list((scratch / "dist").glob("*.whl"))
        if done.returncode or not wheels:
            last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
            raise OrganizerError(f"{root}: the wheel of the starting kit could not be built: {last}")
        return wheels[0].name, wheels[0].read_bytes()
