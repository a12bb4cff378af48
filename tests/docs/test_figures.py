"""Figures in the documents are those of the code."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from e2lm.codabench.sources import sources
from e2lm.edition.reader import read_edition
from e2lm.edition.template import filled_in
from e2lm.edition.values import values
from e2lm.suites.miniature import build, tokenizer, training
from e2lm.suites.registry import SUITES, find_suite
from e2lm_ingestion.suite import load_suite

PROJECT_ROOT = Path(__file__).resolve().parents[2]
KIT = PROJECT_ROOT / "starting_kit/README.md"


@pytest.mark.parametrize(
    "path", [PROJECT_ROOT / "README.md", KIT, build.SUITE], ids=lambda path: str(path.relative_to(PROJECT_ROOT))
)
def test_the_miniature_models_have_as_many_parameters_as_is_said(path: Path) -> None:
    models = [training.new_model(recipe, tokenizer.VOCABULARY, 2048, 0) for recipe in build.RECIPES]
    thousands = [round(model.num_parameters() / 1000) for model in models]
    said = re.findall(r"(\d+) to (\d+)\s+thousand\s+parameters", path.read_text())
    assert said == [(str(round(min(thousands), -1)), str(round(max(thousands), -1)))]


@pytest.mark.parametrize(
    "path", [PROJECT_ROOT / "README.md", KIT], ids=lambda path: str(path.relative_to(PROJECT_ROOT))
)
def test_the_miniature_suite_has_as_many_checkpoints_as_is_said(path: Path) -> None:
    count = sum(len(model.iterations) for model in load_suite(SUITES["miniature"].suite).models)
    assert set(re.findall(r"(\d+) checkpoints", path.read_text())) >= {str(count)}


def test_the_released_checkpoints_are_as_many_and_as_large_as_is_said() -> None:
    models = load_suite(SUITES["e2lm-2025"].suite).models
    count = sum(len(model.iterations) for model in models)
    gigabytes = sum(float(model.size.removesuffix("B")) * 2 * len(model.iterations) for model in models)  # bfloat16
    edition = read_edition(PROJECT_ROOT / "edition.yaml")
    found = sources(PROJECT_ROOT, PROJECT_ROOT, edition, find_suite(edition.suite))
    kit = " ".join(filled_in(KIT.read_text(), values(found.scored), "README.md").split())
    stated = re.search(rf"{count} in all, up to 189 billion tokens, about (\d+) gigabytes", kit)
    assert stated
    assert float(stated[1]) == pytest.approx(gigabytes, rel=0.05)


@pytest.mark.parametrize(
    "path", [PROJECT_ROOT / "README.md", KIT], ids=lambda path: str(path.relative_to(PROJECT_ROOT))
)
def test_the_python_that_is_asked_for_is_the_one_that_the_package_needs(path: Path) -> None:
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["project"]
    least = project["requires-python"].removeprefix(">=")
    text = path.read_text()
    assert f"Python {least} or newer" in text.replace("\n", " ")
    assert set(re.findall(r"older than (\d\.\d+)", text)) <= {least}
    assert f"sys.version_info < {tuple(map(int, least.split('.')))}" in (PROJECT_ROOT / "Makefile").read_text()
