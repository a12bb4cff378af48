"""What the documents point at is there: files, headings, commands and their options, make targets, YAML."""

from __future__ import annotations

import argparse
import importlib
import json
import re
import runpy
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import pytest
import yaml
from pydantic import TypeAdapter

from docs.columns import with_table
from docs.results_schema import schema
from docs.suite_reference import KEYS as SUITE_KEYS
from docs.suite_reference import reference as suite_reference
from docs.task_reference import KEYS, reference
from e2lm.cli.main import COMMANDS
from e2lm_ingestion.task.task import Task, task_of

PROJECT_ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    PROJECT_ROOT / "README.md",
    *sorted(PROJECT_ROOT.glob("docs/*.md")),
    *sorted(PROJECT_ROOT.glob("pages/*.md")),
]
DOCUMENTS += sorted(PROJECT_ROOT.glob("starting_kit/**/*.md"))
NOTEBOOKS = sorted(PROJECT_ROOT.glob("starting_kit/notebooks/*.ipynb"))


def text_of(path: Path) -> str:
    """A document's text; of a notebook, its cells."""
    if path.suffix != ".ipynb":
        return path.read_text()
    return "\n\n".join("".join(cell["source"]) for cell in json.loads(path.read_text())["cells"])


def anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.strip().lower()).replace(" ", "-")


def broken_links(path: Path, text: str) -> Iterator[str]:
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:|\${", target):
            continue
        name, _, fragment = target.partition("#")
        other = path.parent / name if name else path
        headings = re.findall(r"^#+ (.+)$", other.read_text(), re.MULTILINE) if fragment and other.exists() else []
        if not other.exists() or (fragment and fragment not in map(anchor, headings)):
            yield target


@cache
def options_of(command: str) -> frozenset[str]:
    parser = argparse.ArgumentParser()
    importlib.import_module(f"e2lm.cli.{command.replace('-', '_')}").add_arguments(parser)
    parsers, found = [parser], set()
    while parsers:
        for action in parsers.pop()._actions:
            found |= set(action.option_strings)
            if isinstance(action, argparse._SubParsersAction):
                parsers.extend(action.choices.values())
    return frozenset(found)


def wrong_commands(text: str) -> Iterator[str]:
    """Code that calls e2lm with a command or an option that it does not have, or make with a target it lacks."""
    lines = [line for line in text.splitlines() if re.match(r"\s*(#\s+)?!?(\.venv/bin/)?(e2lm|make) ", line)]
    for code in [*lines, *re.findall(r"`([^`\n]+)`", text)]:
        for command, rest in re.findall(r"(?<![\w/.\x22-])(?:\.venv/bin/)?e2lm ([a-z][a-z-]+)([^#|]*)", code):
            if command not in COMMANDS or set(re.findall(r"(?<!\S)--[a-z-]+", rest)) - options_of(command) - {"--help"}:
                yield code
        yield from (code for target in re.findall(r"^\s*make ([a-z]+)", code) if f"\n{target}:" not in MAKEFILE)


MAKEFILE = (PROJECT_ROOT / "Makefile").read_text()


def wrong_yaml(text: str) -> Iterator[str]:
    fenced = re.findall(r"^```ya?ml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    indented = re.findall(r"(?:^    .*\n)+", text + "\n", re.MULTILINE)
    for block in [*fenced, *(block for block in indented if re.match(r"    [a-z_]+:( |\n)", block))]:
        try:
            yaml.safe_load(re.sub(r"^    ", "", block, flags=re.MULTILINE) if block.startswith("    ") else block)
        except yaml.YAMLError as error:
            yield str(error)


@pytest.mark.parametrize("path", [*DOCUMENTS, *NOTEBOOKS], ids=lambda path: str(path.relative_to(PROJECT_ROOT)))
def test_what_it_points_at_is_there(path: Path) -> None:
    text = text_of(path)
    assert not list(broken_links(path, text))
    assert not list(wrong_commands(text))
    assert not list(wrong_yaml(text))


def test_the_checker_finds_what_is_wrong(tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text("# One\n")
    assert list(broken_links(document, "[x](b.md) [y](#two) [z](#one) [w](https://example.org)")) == ["b.md", "#two"]
    text = "Type `e2lm chek x`, `e2lm run x --suit y`, `e2lm run x --suite y`, then\n\n    make coffee\n"
    assert list(wrong_commands(text)) == ["    make coffee", "e2lm chek x", "e2lm run x --suit y"]
    assert len(list(wrong_yaml("```yaml\na: [\n```\n\n    task: {\n\nok\n\n    not yaml: at all\n"))) == 2


def test_every_error_that_is_explained_is_one_that_can_happen() -> None:
    quoted = re.findall(r"^\| `([^`]+)` \|", (PROJECT_ROOT / "docs/errors.md").read_text(), re.MULTILINE)
    assert len(quoted) > 20
    assert [text for text in quoted if text not in source_of_messages()] == []


@cache
def source_of_messages() -> str:
    """The programs' source, where a message that is broken over lines is joined."""
    files = [path for folder in ("e2lm", "ingestion_program", "scoring_program", "docker") for path in walk(folder)]
    return re.sub(r"""["']\n\s*f?["']""", "", "\n".join(path.read_text() for path in files))


def walk(folder: str) -> list[Path]:
    return sorted((PROJECT_ROOT / folder).rglob("*.py"))


def test_the_picture_of_curves_is_up_to_date() -> None:
    drawn = runpy.run_path(str(PROJECT_ROOT / "docs/curves.py"))["picture"]()
    assert (PROJECT_ROOT / "docs/curves.svg").read_text() == drawn, "run python docs/curves.py"


def test_the_reference_of_keys_is_up_to_date() -> None:
    assert (PROJECT_ROOT / "docs/task-reference.md").read_text() == reference(), "run python docs/task_reference.py"


def test_the_reference_of_suites_is_up_to_date() -> None:
    page = (PROJECT_ROOT / "docs/suite-reference.md").read_text()
    assert page == suite_reference(), "run python -m docs.suite_reference"


@pytest.mark.parametrize(("model", "key"), [(model, key) for model, keys in SUITE_KEYS.items() for key in keys])
def test_every_example_of_a_key_of_suites_is_one_that_it_may_have(model: type, key: str) -> None:
    field = model.model_fields.get(key)  # type: ignore[attr-defined]
    if field is not None and key != "models":  # whose example is one of many keys
        kind: Any = Annotated[field.annotation, field]
        TypeAdapter(kind).validate_python(yaml.safe_load(SUITE_KEYS[model][key][0]))


def test_the_schema_of_results_is_up_to_date() -> None:
    assert (PROJECT_ROOT / "docs/results.schema.json").read_text() == schema(), "run python docs/results_schema.py"


def test_the_table_of_columns_is_that_of_the_scoring_program() -> None:
    page = (PROJECT_ROOT / "docs/metrics.md").read_text()
    assert page == with_table(page), "run python docs/columns.py"


@pytest.mark.parametrize("key", KEYS[Task])
def test_every_example_of_a_key_is_one_that_a_task_may_have(key: str) -> None:
    examples = {name: yaml.safe_load(example) for name, (example, _) in KEYS[Task].items()}
    task = {name: examples[name] for name, field in Task.model_fields.items() if field.is_required()}
    task |= {name: examples[name] for name in ("doc_to_choice", "fewshot_split", key)}
    if key in ("generation_kwargs", "filter_list"):
        task |= {"output_type": "generate_until", "metric_list": [{"metric": "exact_match"}]}
    assert key in task_of(task, "task.yaml").model_fields_set


@pytest.mark.parametrize(
    ("model", "key"), [(model, key) for model, keys in KEYS.items() if model is not Task for key in keys]
)
def test_every_example_of_a_part_is_one_that_it_may_have(model: type, key: str) -> None:
    wanted: dict[str, object] = {
        name: yaml.safe_load(KEYS[model][name][0])
        for name, field in model.model_fields.items()  # type: ignore[attr-defined]
        if field.is_required()
    }
    wanted[key] = yaml.safe_load(KEYS[model][key][0])
    function = {"k": "take_first_k", "mapping_dict": "map", "default_value": "map"}
    if "function" in wanted and key != "function":
        wanted["function"] = function.get(key, "multi_choice_regex")
    assert model.model_validate(wanted)  # type: ignore[attr-defined]
