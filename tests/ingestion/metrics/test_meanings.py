"""Every built-in metric has a line that says what it measures."""

from __future__ import annotations

import pytest

from e2lm_ingestion.metrics.meanings import meaning
from e2lm_ingestion.task.output_type_rules import RULES, OutputTypeName


@pytest.mark.parametrize("output_type", list(RULES))
def test_every_metric_of_an_output_type_has_a_line(output_type: OutputTypeName) -> None:
    rules = RULES[output_type]
    assert all(meaning(rules.meanings, name) for name in rules.metrics)
    assert set(rules.meanings) <= set(rules.metrics), "a line of a metric that is gone"
