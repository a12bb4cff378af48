"""The starting kit: its README, followed word by word in an empty environment, ends with a scored submission."""

from __future__ import annotations

import io
import os
import posixpath
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from e2lm import __version__
from e2lm.codabench.sources import sources
from e2lm.codabench.starting_kit import starting_kit
from e2lm.edition.reader import read_edition
from e2lm.project import EXAMPLE_SUBMISSIONS, PROJECT_ROOT
from e2lm.suites.registry import find_suite
from e2lm_ingestion.submission.submission import open_submission

# The one step that is not in the README: packages are linked from this environment, since downloading takes minutes.
# First on the path: some Pythons put an old setuptools into a new environment.
FETCHED = """python - <<'END'
import sysconfig
with open(sysconfig.get_path("purelib") + "/packages.pth", "w") as file:
    file.write("import sys; sys.path.insert(0, '{packages}')")
END
"""
ACTIVATED = ". .venv/bin/activate\n"


@pytest.fixture(scope="module")
def kit() -> bytes:
    return the_kit()


def the_kit() -> bytes:
    edition = read_edition(PROJECT_ROOT / "edition.yaml")
    return starting_kit(sources(PROJECT_ROOT, PROJECT_ROOT, edition, find_suite(edition.suite)))


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """The packages of this environment without the project, as if pip had fetched them."""
    folder = tmp_path / "packages"
    folder.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.startswith(("e2lm", "__editable__")):
            (folder / entry.name).symlink_to(entry)
    return folder


def blocks(markdown: str) -> list[str]:
    """The commands of the README: the content of every block marked bash."""
    return re.findall(r"^```bash\n(.*?)^```$", markdown, re.MULTILINE | re.DOTALL)


def test_the_wheel_says_its_version_and_that_its_packages_are_typed(kit: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(kit)) as archive:
        wheel = archive.read(next(name for name in archive.namelist() if name.endswith(".whl")))
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        typed = {name for name in archive.namelist() if name.endswith("py.typed")}
        metadata = archive.read(f"e2lm-{__version__}.dist-info/METADATA").decode()
    assert typed == {"e2lm/py.typed", "e2lm_ingestion/py.typed", "e2lm_scoring/py.typed"}
    assert f"\nVersion: {__version__}\n" in metadata
    assert {"docs", "judge", "ray", "tables", "texts", "vllm"} == set(
        re.findall(r"^Provides-Extra: (.+)$", metadata, re.MULTILINE)
    )


def test_the_readme_makes_a_participant_of_a_newcomer(
    kit: bytes, packages: Path, miniature: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "kit"
    with zipfile.ZipFile(io.BytesIO(kit)) as archive:
        archive.extractall(folder)
    typed = blocks((folder / "README.md").read_text())
    assert len(typed) == 5
    assert ACTIVATED in typed[0]
    typed[0] = typed[0].replace(ACTIVATED, ACTIVATED + FETCHED.format(packages=packages))
    script = "\n".join(["set -e", *typed, 'python -c "import e2lm; print(e2lm.__file__)"'])
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env={
            "PATH": os.pathsep.join([f"{sys.base_prefix}/bin", os.defpath]),
            "HOME": str(tmp_path),
            "E2LM_CHECKPOINTS": str(miniature),
            "PIP_NO_INDEX": "1",
        },
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip().splitlines()[-1].startswith(str(folder / ".venv"))
    following = [line.removeprefix("next:").strip() for line in done.stdout.splitlines() if line.startswith("next:")]
    assert following == [
        "e2lm check my-task",
        "e2lm run my-task --suite miniature",
        "open the report in a browser, then e2lm pack my-task",
        "upload it on the competition's page, under My Submissions",
    ]
    assert (folder / "build/my-task/detailed_results.html").is_file()
    with open_submission(folder / "submission.zip") as submission:
        assert submission.name == "my-task"


@pytest.mark.slow
def test_the_kit_holds_what_its_readme_speaks_of_and_is_the_same_every_time(kit: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(kit)) as archive:
        names = archive.namelist()
    examples = {f"examples/{path.name}/task.yaml" for path in EXAMPLE_SUBMISSIONS.iterdir() if path.is_dir()}
    assert {"README.md", *examples} <= set(names)
    (wheel,) = (name for name in names if name.endswith(".whl"))
    assert re.fullmatch(r"e2lm-[^-]+-py3-none-any\.whl", wheel)
    assert the_kit() == kit


def test_every_link_of_the_kit_s_documents_leads_to_something_in_it(kit: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(kit)) as archive:
        names = set(archive.namelist())
        texts = {name: archive.read(name).decode() for name in names if name.endswith(".md")}
    assert {"docs/task-reference.md", "docs/metrics.md", "docs/better.md", "docs/errors.md"} <= names
    for name, text in texts.items():
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            path = target.partition("#")[0]
            if path and "://" not in path:
                assert posixpath.normpath(posixpath.join(posixpath.dirname(name), path)) in names, f"{name}: {target}"
    assert "docs/better.md" in texts["README.md"]
    assert "docs/task-reference.md" in texts["README.md"]
    assert "performance.md in the repository says how" in " ".join(texts["docs/quickstart.md"].split())


def test_what_the_report_s_advice_points_at_is_in_the_kit_and_on_the_site(kit: bytes) -> None:
    report = PROJECT_ROOT / "scoring_program/e2lm_scoring/report"
    pages = set(re.findall(r"docs/[a-z-]+\.md", (report / "advice.html.jinja").read_text()))
    rules = set(re.findall(r'return Advice\(\s*"([a-z-]+)"', (report / "advice.py").read_text()))
    assert pages == {"docs/better.md"}
    assert len(rules) > 8
    with zipfile.ZipFile(io.BytesIO(kit)) as archive:
        page = archive.read("docs/better.md").decode()
    assert rules <= set(re.findall(r"^## ([a-z-]+)$", page, re.MULTILINE))
    for target in re.findall(r"\]\((\S+?)\)", (PROJECT_ROOT / "docs/better.md").read_text()):
        assert f"]({target})" in page, f"{target}: plain text in the kit"
    assert ": docs/better.md\n" in (PROJECT_ROOT / "mkdocs.yml").read_text()
