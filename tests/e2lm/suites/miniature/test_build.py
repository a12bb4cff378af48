"""The suite's files agree with each other and with the recipes."""

from __future__ import annotations

from pathlib import Path

import yaml

from e2lm.suites.miniature import build
from e2lm_ingestion.suite import load_suite

SCORING = yaml.safe_load(build.SUITE.with_name("scoring.yaml").read_text(encoding="utf-8"))


def test_there_is_a_recipe_for_every_model_of_the_suite() -> None:
    suite = load_suite(build.SUITE)
    assert {recipe.model for recipe in build.RECIPES} == {model.id for model in suite.models}
    assert {recipe.model: recipe.corpus for recipe in build.RECIPES} == {m.id: m.mixture for m in suite.models}


def test_scoring_asks_for_checkpoints_that_the_suite_trains() -> None:
    iterations = {i for w in ("early", "late") for i in _grid(SCORING[w]["iterations"])}
    assert all(iterations == set(model.iterations) for model in load_suite(build.SUITE).models)


def test_a_trained_suite_is_left_alone(tmp_path: Path) -> None:
    for recipe in build.RECIPES:
        (tmp_path / "miniature" / recipe.model).mkdir(parents=True)
        (tmp_path / "miniature" / recipe.model / "recipe.sha256").write_text(build.recipe_hash(), encoding="utf-8")
    calls: list[str] = []
    build.ensure(tmp_path, lambda done, total, detail: calls.append(detail))
    assert calls == []


def _grid(given: dict[str, int]) -> range:
    return range(given["start"], given["stop"] + 1, given["step"])
