"""The starting kit: a zip with the program as a wheel, a README, examples, notebooks and documents."""

from __future__ import annotations

import os
import posixpath
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Container
from pathlib import Path

from e2lm.archive import LITTER, files_under, zip_bytes
from e2lm.codabench.sources import Sources
from e2lm.edition.template import filled_in
from e2lm.edition.values import values
from e2lm_ingestion.errors import OrganizerError

# Of docs/: what a task may say, what its score is, and how it becomes better.
DOCUMENTS = (
    *("quickstart.md", "better.md", "task-language.md", "task-reference.md", "mistakes.md", "errors.md"),
    *("metrics.md", "validity.md", "uncertainty.md", "baselines.md", "signal.md", "glossary.md", "curves.svg"),
)
# Templates, as pages are: they have figures and names of the edition.
FILLED = (
    "starting_kit/README.md",
    *(f"docs/{one}.md" for one in ("quickstart", "baselines", "metrics", "glossary", "signal")),
)
LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]+)\]\((?P<target>[^)\s]+)\)")
_EPOCH_SECONDS = "315532800"  # archive.EPOCH, so that the wheel has the same bytes every time
_WITHIN = ("e2lm", "ingestion_program", "scoring_program", "starting_kit", "input_data", "reference_data")
_BESIDE = ("setup.py", "pyproject.toml", "README.md", "LICENSE")
_OF_THE_PROJECTS_EDITION = (
    "e2lm/suites/e2lm-2025",
    "e2lm/suites/e2lm-2025-laptop",
    "input_data",
    "reference_data",
)  # not for the kit of another
_README = "README.md"
# What the notebooks say of a released model, in the text of their JSON, for that of another edition.
_MODEL = re.compile(r"\\\"(?!miniature/)[\w.-]+/[\w.-]+\\\", \d+")
_NEW_SUITE = re.compile(r"    \"    !e2lm suite new small .*?--disk-budget \d+\\\"\"", re.DOTALL)
_MINIATURE = r"\"miniature/mini-400k-arch1\", 56000"


def starting_kit(found: Sources) -> bytes:
    """The kit of an edition, the same bytes for the same files. Raises OrganizerError."""
    root = found.root
    paths = dict(files_under(root / "starting_kit")) | {f"docs/{name}": root / "docs" / name for name in DOCUMENTS}
    entries = {name: path.read_bytes() for name, path in paths.items()}
    filling = values(found.scored)
    for name in (name for name in entries if name.endswith(".md")):
        source = paths[name].relative_to(root)
        text = entries[name].decode("utf-8")
        if str(source) in FILLED:
            text = filled_in(text, filling, str(source))
        entries[name] = _relinked(text, str(source.parent), posixpath.dirname(name), entries).encode("utf-8")
    if not found.is_of_the_project:
        entries |= {name: _with_its_model(entries[name], found) for name in entries if name.endswith(".ipynb")}
    name, wheel = build_wheel(found, entries[_README])
    return zip_bytes({**entries, name: wheel})


def _relinked(text: str, source: str, folder: str, kit: Container[str]) -> str:
    """A document of the repository's folder `source` in the kit's `folder`.

    Its links lead to files of the kit; those to anything else become plain text, which says where a document is.
    """

    def relinked(link: re.Match[str]) -> str:
        path, hash_sign, anchor = link["target"].partition("#")
        if "://" in path or not path:
            return link[0]
        target = posixpath.normpath(posixpath.join(source, path)).removeprefix("starting_kit/")
        if target not in kit:
            return f"{link['text']} in the repository" if link["text"].endswith(".md") else link["text"]
        return f"[{link['text']}]({posixpath.relpath(target, folder or '.')}{hash_sign}{anchor})"

    return LINK.sub(relinked, text)


def build_wheel(found: Sources, readme: bytes) -> tuple[str, bytes]:
    """The wheel of the project with the edition's files: its name and content. Nothing is downloaded."""
    with tempfile.TemporaryDirectory(prefix="e2lm-wheel-") as folder:
        scratch = Path(folder)
        project = scratch / "project"
        _copy_project(found, project, readme)
        done = subprocess.run(
            [
                *(sys.executable, "setup.py", "--quiet"),
                *("egg_info", "--egg-base", folder),
                *("build", "--build-base", folder),
                *("bdist_wheel", "--bdist-dir", str(scratch / "bdist"), "--dist-dir", str(scratch / "dist")),
            ],
            cwd=project,
            env={**os.environ, "SOURCE_DATE_EPOCH": _EPOCH_SECONDS},
            capture_output=True,
            text=True,
            check=False,
        )
        wheels = list((scratch / "dist").glob("*.whl"))
        if done.returncode or not wheels:
            last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
            raise OrganizerError(f"{found.root}: the wheel of the starting kit could not be built: {last}")
        return wheels[0].name, wheels[0].read_bytes()


def _copy_project(found: Sources, project: Path, readme: bytes) -> None:
    project.mkdir()
    for name in _WITHIN:
        shutil.copytree(found.root / name, project / name, ignore=shutil.ignore_patterns(*LITTER, "*.pyc", ".*"))
    for name in _BESIDE:
        shutil.copy(found.root / name, project / name)
    shutil.copy(found.edition_yaml, project / "edition.yaml")
    if found.is_of_the_project:
        return
    for name in _OF_THE_PROJECTS_EDITION:
        shutil.rmtree(project / name)
    (project / _README).write_bytes(readme)
    for files, suite in ((found.suite, found.scored.suite), (found.released, found.scored.released)):
        if files is None or suite is None or found.root in files.suite.resolve().parents:
            continue  # the project's own suites are in the package
        home = project / "suites" / suite.suite
        home.mkdir(parents=True, exist_ok=True)
        shutil.copy(files.suite, home / "suite.yaml")
        shutil.copy(files.scoring, home / "scoring.yaml")


def _with_its_model(notebook: bytes, found: Sources) -> bytes:
    """The notebook with a released model of the edition, or a miniature one where none is released."""
    text, released = notebook.decode("utf-8"), found.scored.released
    model, suite = _MINIATURE, "miniature"
    if released is not None:
        first = released.models[0]
        model, suite = rf"\"{first.source}\", {first.iterations[-1]}", released.suite
    options = r'"    OPTIONS += \" --disk-budget 10\""' if released is not None else r'"    OPTIONS += \"\""'
    cell = rf'    "    SUITE = \"{suite}\"\n",' + f"\n    {options}"
    return _NEW_SUITE.sub(lambda _: cell, _MODEL.sub(lambda _: model, text)).encode("utf-8")
