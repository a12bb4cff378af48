"""docs/environment.md lists the environment variables that the source names, and no others."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from e2lm.codabench.containers import CAPABILITIES

PROJECT_ROOT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT_ROOT / "docs/environment.md").read_text()
PROGRAMS = ("e2lm", "ingestion_program", "scoring_program", "docker", "benchmarks")
VARIABLE = r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+"  # one word alone could be anything; those are found where they are read
LIBRARIES = "## Set by people, read by libraries"
DEVICE_OF_A_TEST = "DEVICE_OF_THE_TEST"  # a test's own, for processes that it starts


def listed(page: str) -> set[str]:
    """The names in the first column of the page's tables."""
    rows = re.findall(r"^\| (`[^|]+) \|", page, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([A-Z][A-Z0-9_]+)`", row)}


def named_in_python(source: str) -> Iterator[str]:
    """Strings that look like a variable's name, and whatever os.environ is asked for by a literal."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(VARIABLE, node.value):
            yield node.value
        elif isinstance(node, ast.Call | ast.Subscript):
            owner = node.func if isinstance(node, ast.Call) else node.value
            asked = node.args[:1] if isinstance(node, ast.Call) else [node.slice]
            if re.match(r"os\.(environ|getenv)\b", ast.unparse(owner)):
                yield from (one.value for one in asked if isinstance(one, ast.Constant) and isinstance(one.value, str))


def named_elsewhere() -> set[str]:
    """Variables of the Makefile, the image, the worker's set-up and .ci/run."""
    makefile = (PROJECT_ROOT / "Makefile").read_text()
    dockerfile = (PROJECT_ROOT / "docker/Dockerfile").read_text()
    worker = (PROJECT_ROOT / "docker/worker.env.example").read_text()
    compose = (PROJECT_ROOT / "docker/compose.yaml").read_text()
    ci = (PROJECT_ROOT / ".ci/run").read_text()
    return {
        *re.findall(r"^([A-Z_]+) \?=", makefile, re.MULTILINE),
        *re.findall(r"^\t@?([A-Z0-9_]+)=", makefile, re.MULTILINE),
        *re.findall(r"\b([A-Z][A-Z0-9_]+)=", dockerfile),
        *re.findall(r"^([A-Z_]+)=", worker, re.MULTILINE),
        *re.findall(r"\$\{([A-Z_]+)", compose),
        *re.findall(r"(?:^export |^ *)([A-Z][A-Z0-9_]+)=", ci, re.MULTILINE),
        *re.findall(r"^ *export ([A-Z][A-Z0-9_]+)=", ci, re.MULTILINE),
    }


def sources(folders: tuple[str, ...]) -> list[str]:
    return [path.read_text() for folder in folders for path in sorted((PROJECT_ROOT / folder).rglob("*.py"))]


def test_every_variable_of_the_source_is_listed() -> None:
    named = {name for source in sources(PROGRAMS) for name in named_in_python(source)} - set(CAPABILITIES)
    assert len(named) > 20
    read_by_tests = {name for source in sources(("tests",)) for name in re.findall(r"environ\.get\(\"(\w+)\"", source)}
    assert (named | named_elsewhere() | read_by_tests) - listed(PAGE) - {DEVICE_OF_A_TEST} == set()


def test_every_variable_that_is_listed_is_one_of_the_source() -> None:
    """But for those that libraries read and that this project does not mention."""
    before, _, after = PAGE.partition(LIBRARIES)
    ours = before + after.partition("\n## ")[2]
    files = [PROJECT_ROOT / name for name in ("Makefile", ".ci/run", "docker/Dockerfile", "docker/worker.env.example")]
    source = "\n".join([*sources((*PROGRAMS, "tests")), *(path.read_text() for path in files)])
    assert {name for name in listed(ours) if not re.search(rf"\b{name}\b", source)} == set()


def test_names_are_found_in_python() -> None:
    source = 'KEY = "A_KEY"\nos.environ.get("HOME")\nos.environ["CI"]\nprint("B_KEY is text", os.getenv("TERM"))\n'
    assert set(named_in_python(source)) == {"A_KEY", "HOME", "CI", "TERM"}
