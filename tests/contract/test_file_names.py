"""The name of a file that the programs write is spelled in one module of each; all others take it from there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2lm.project import PROJECT_ROOT
from e2lm_ingestion import file_names as of_ingestion
from e2lm_scoring import file_names as of_scoring

HOMES = {Path(str(module.__file__)) for module in (of_ingestion, of_scoring)}
NAMES = {
    *(of_ingestion.RESULTS, of_ingestion.JOURNAL, of_ingestion.ITEMS, of_ingestion.SEAL),
    *(of_scoring.SCORES, of_scoring.SUMMARY, of_scoring.REPORT),
}


def spelled(path: Path) -> Iterator[str]:
    """The texts of a module that are neither docstrings nor comments and hold one of the names."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield from (f"{path.name}:{node.lineno}: {name}" for name in sorted(NAMES) if name in node.value)


@pytest.mark.parametrize("program", ["e2lm", "ingestion_program", "scoring_program"])
def test_a_file_name_is_spelled_in_its_home_alone(program: str) -> None:
    modules = [path for path in (PROJECT_ROOT / program).rglob("*.py") if path not in HOMES]
    assert len(modules) > 20
    assert [found for path in modules for found in spelled(path)] == []
