"""Import directions: the programs stay apart, libraries do not import commands, and rooms form no circle.

A room is a folder of a package, or a module that lies in no folder. docs/architecture.md says what each is for.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {
    "e2lm": PROJECT_ROOT / "e2lm",
    "e2lm_ingestion": PROJECT_ROOT / "ingestion_program/e2lm_ingestion",
    "e2lm_scoring": PROJECT_ROOT / "scoring_program/e2lm_scoring",
}


@cache
def imports() -> dict[str, frozenset[str]]:
    """The project's modules that each module imports, at its top or within a function."""
    sources = {
        ".".join([package, *path.relative_to(folder).with_suffix("").parts]).removesuffix(".__init__"): path.read_text()
        for package, folder in PACKAGES.items()
        for path in folder.rglob("*.py")
    }
    return {name: frozenset(imported_by(source, sources)) for name, source in sources.items()}


def imported_by(source: str, modules: Mapping[str, str]) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in PACKAGES:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in modules else node.module for name in names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] in PACKAGES}
    return found


def room(module: str) -> str:
    return ".".join(module.split(".")[:2])


def circle(edges: Mapping[str, frozenset[str]]) -> list[str]:
    """The rooms of a circle, or none: `edges` is module -> modules that it imports."""
    rooms: dict[str, set[str]] = {}
    for module, imported in edges.items():
        rooms.setdefault(room(module), set()).update({room(name) for name in imported} - {room(module)})
    try:
        TopologicalSorter(rooms).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_whatever_is_imported_from_the_project_is_there() -> None:
    missing = {(name, other) for name, others in imports().items() for other in others if other not in imports()}
    assert missing == set()


def test_the_programs_import_neither_each_other_nor_the_command_line() -> None:
    programs = {name: others for name, others in imports().items() if name.split(".")[0] != "e2lm"}
    assert len(programs) > 50
    wrong = {
        (name, other)
        for name, others in programs.items()
        for other in others
        if other.split(".")[0] != name.split(".")[0]
    }
    assert wrong == set()


def test_libraries_import_no_command() -> None:
    wrong = {
        (name, other)
        for name, others in imports().items()
        for other in others
        if room(other) == "e2lm.cli" and room(name) not in ("e2lm.cli", "e2lm.__main__")
    }
    assert wrong == set()


def test_no_room_imports_another_that_imports_it() -> None:
    assert circle(imports()) == []


def test_a_circle_is_found() -> None:
    edges = {"p.a.x": frozenset({"p.b"}), "p.b": frozenset({"p.c.y"}), "p.c.y": frozenset({"p.a.z", "p.c.w"})}
    assert set(circle(edges)) == {"p.a", "p.b", "p.c"}
    assert circle({**edges, "p.c.y": frozenset({"p.c.w"})}) == []
