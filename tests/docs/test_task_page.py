"""The competition's page on tasks names every key and every metric."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from e2lm_ingestion.task.output_type_rules import RULES
from e2lm_ingestion.task.task import Task

PROJECT_ROOT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT_ROOT / "pages/tasks.md").read_text()


def test_every_key_and_every_metric_is_on_the_page() -> None:
    names = {name for rules in RULES.values() for name in rules.metrics}
    metrics = {name for name in names if re.sub(r"_per_(token|char|byte)$", "", name) not in names - {name}}
    missing = [name for name in {*Task.model_fields, *metrics, *RULES} if f"`{name}`" not in PAGE]
    assert missing == []


def test_its_examples_are_yaml() -> None:
    blocks = re.findall(r"(?m)(?:^    .+\n)+", PAGE)
    assert len(blocks) >= 3
    assert all(isinstance(yaml.safe_load(block), dict) for block in blocks)
