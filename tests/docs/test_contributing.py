"""What contributors are pointed at is there: files, commands, the version in the changelog, pages of the site."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from e2lm import __version__
from tests.docs.test_documents import broken_links, wrong_commands

PROJECT_ROOT = Path(__file__).resolve().parents[2]
# Where a document may leave out the beginning of a path.
ROOTS = ("", "ingestion_program/e2lm_ingestion/", "scoring_program/e2lm_scoring/")
# One of the kind itself, or of another one: scoring writes .parquet, and e2lm signal reads tables of results.
NOT_TO_CHANGE = (
    "output_types/loglikelihood_rolling.py",
    "engines/vllm.py",
    "engines/vllm_core.py",
    "formulas/improvement_gate.py",
    "e2lm_scoring/file_names.py",
    "e2lm/signal/sources.py",
    "e2lm/signal/formats/tables.py",
)
GUIDES = [PROJECT_ROOT / name for name in ("CONTRIBUTING.md", "CHANGELOG.md", "docs/architecture.md")]


def absent_files(text: str) -> Iterator[str]:
    """Paths in code that lead nowhere. NAME stands for any."""
    paths = re.findall(r"`(?:python )?([\w.-]+/[\w./-]*)`", text)
    for path in paths:
        if "NAME" not in path and not any((PROJECT_ROOT / root / path).exists() for root in ROOTS):
            yield path


@pytest.mark.parametrize("path", GUIDES, ids=lambda path: path.name)
def test_what_a_guide_points_at_is_there(path: Path) -> None:
    text = path.read_text()
    assert not list(broken_links(path, text))
    assert not list(wrong_commands(text))


def test_the_files_of_the_recipes_are_there() -> None:
    recipes = (PROJECT_ROOT / "CONTRIBUTING.md").read_text().partition("## Recipes")[2]
    assert recipes.count("**Test:**") == recipes.count("\n### ")
    assert list(absent_files(recipes)) == []
    assert list(absent_files("`e2lm/cli/nowhere.py`, `e2lm/cli/NAME.py`, `e2lm/cli/main.py`, `Task`")) == [
        "e2lm/cli/nowhere.py"
    ]


# By recipe, what the modules hold that have to know of one more of a kind.
HELD_BY_MODULES = {
    "Add a metric": r'"acc_mutual_info"',
    "Add an output type": r'"loglikelihood_rolling"',
    "Add an engine": r'"vllm"',
    "Add a command": r'"rescore"',
    "Add a suite": r'"e2lm-2025"',
    "Add a data file type": r"\.parquet\"",
    "Change RC's formula, or another score's": r"formulas\.ranking_consistency import",
    "Change the gate": r"min_improvement_z|formulas\.improvement_gate import",
    "Add a phase, or change one": r"PhaseSpan\b",
}


@pytest.mark.parametrize("title", HELD_BY_MODULES)
def test_a_recipe_names_every_module_that_the_change_touches(title: str) -> None:
    recipe = (PROJECT_ROOT / "CONTRIBUTING.md").read_text().partition(f"\n### {title}\n")[2].partition("\n### ")[0]
    found = [
        path.relative_to(PROJECT_ROOT).as_posix()
        for folder in ("e2lm", "ingestion_program", "scoring_program")
        for path in (PROJECT_ROOT / folder).rglob("*.py")
        if re.search(HELD_BY_MODULES[title], path.read_text())
    ]
    assert found, "no module holds the pattern"
    unnamed = [name for name in found if not any(f"`{name.removeprefix(root)}`" in recipe for root in ROOTS)]
    assert [name for name in unnamed if not name.endswith(NOT_TO_CHANGE)] == []


def test_the_newest_release_of_the_changelog_is_the_version_which_is_written_once() -> None:
    releases = re.findall(r"^## \[(.+?)\](?: - \d{4}-\d\d-\d\d)?$", (PROJECT_ROOT / "CHANGELOG.md").read_text(), re.M)
    assert releases[:2] == ["Unreleased", __version__]
    written = [
        path
        for path in (PROJECT_ROOT / "e2lm").rglob("*.py")
        if re.search(rf"""["']{re.escape(__version__)}["']""", path.read_text())
    ]
    assert written == [PROJECT_ROOT / "e2lm/__init__.py"]
    assert f'version = "{__version__}"' not in (PROJECT_ROOT / "pyproject.toml").read_text()


def test_every_document_is_a_page_of_the_site() -> None:
    """What `make docs` would say, without MkDocs."""
    nav = (PROJECT_ROOT / "mkdocs.yml").read_text().partition("\nnav:\n")[2]
    pages = set(re.findall(r": (\S+\.md)$", nav, re.M))
    folders = ("", "docs/", "pages/", "docker/", "starting_kit/")
    documents = {str(path.relative_to(PROJECT_ROOT)) for one in folders for path in PROJECT_ROOT.glob(f"{one}*.md")}
    assert pages == documents


def test_hooks_before_a_commit_run_the_tools_of_the_environment() -> None:
    hooks = yaml.safe_load((PROJECT_ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repo["repo"] for repo in hooks] == ["local"], "any other would be fetched"
    entries = [hook["entry"].split() for hook in hooks[0]["hooks"]]
    assert [entry[0] for entry in entries] == [".venv/bin/ruff", ".venv/bin/ruff", ".venv/bin/mypy"]
