"""Every built-in metric has a line that says what it measures."""

from __future__ import annotations

import pytest

from e2lm_ingestion.metrics.meanings import MEANINGS, meaning
from e2lm_ingestion.task.output_type_rules import RULES


@pytest.mark.parametrize("output_type", list(RULES))
def test_every_metric_of_an_output_type_has_a_line(output_type: str) -> None:
    metrics = {str(name): rules for name, rules in RULES.items()}[output_type].metrics
    assert all(meaning(output_type, name) for name in metrics)
    assert set(MEANINGS[output_type]) <= set(metrics), "a line of a metric that is gone"
