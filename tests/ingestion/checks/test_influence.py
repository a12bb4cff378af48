"""Items that a metric lets carry the score are named before a model is asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from e2lm_ingestion.checks.influence import effective_number, influence_findings, trial_influences
from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.output_types.item_sets import item_set_of
from e2lm_ingestion.output_types.protocol import ItemSet
from e2lm_ingestion.submission.submission import open_submission
from tests.ingestion.submissions import document, json_lines, plain_task

LONG = range(0, 120, 12)  # ten items of four choices among 120 of three


def items_under(folder: Path, metric: dict[str, str]) -> ItemSet:
    questions = [document(i) for i in range(120)]
    for i in LONG:
        questions[i]["choices"] = [*questions[i]["choices"], f"{i + 3} or more"]
    (folder / "task.yaml").write_text(yaml.safe_dump({**plain_task(), "metric_list": [metric]}))
    (folder / "test.jsonl").write_text(json_lines(questions))
    (folder / "dev.jsonl").write_text(json_lines(questions[:2]))
    with open_submission(folder) as submission:
        return item_set_of(submission)


@pytest.mark.parametrize("metric", ["acc", "acc_norm", "brier_score", "correct_logprob", "logprob_margin", "margin"])
def test_named_metrics_weigh_items_alike(tmp_path: Path, metric: str) -> None:
    assert influence_findings(items_under(tmp_path, {"metric": metric})) == []


@pytest.mark.parametrize(
    "expression",
    [
        "(max(ll[gold]) - mean(ll[~gold])) * 1000000 ** (max(number) - 3)",
        "(max(ll[gold]) - mean(ll[~gold])) * 10 ** (max(words) - 1)",
        "(max(ll[gold]) - mean(ll[~gold])) * exp(9 * max(tokens))",
    ],
)
def test_weights_by_what_an_item_looks_like_are_seen(tmp_path: Path, expression: str) -> None:
    item_set = items_under(tmp_path, {"metric": "mine", "expression": expression})
    (finding,) = influence_findings(item_set)
    assert finding.kind == "few_effective_items"
    assert finding.blocks
    assert set(finding.items) == set(LONG)
    assert effective_number(trial_influences(item_set)) == pytest.approx(10, rel=0.4)


@pytest.mark.parametrize("expression", ["exp(-25 * max(ll[gold]))", "exp(30000 * (max(ll[gold]) + 0.02))"])
def test_a_metric_that_fails_on_some_answers_is_said_to(tmp_path: Path, expression: str) -> None:
    item_set = items_under(tmp_path, {"metric": "mine", "expression": expression})
    finding = influence_findings(item_set)[0]
    assert finding.kind == "may_not_be_finite"
    assert "must be finite" in finding.message


@pytest.mark.parametrize(
    "expression",
    [
        "0 / 0",
        "max(ll[gold]) / 0",
        "max(ll[gold]) ** 0.5",
        "log(max(ll[gold]))",
        "exp(1000 * max(chars))",
        "9e14 ** 99",
    ],
)
def test_a_metric_that_can_only_fail_is_refused(tmp_path: Path, expression: str) -> None:
    with pytest.raises(SubmissionError, match="must be finite"):
        items_under(tmp_path, {"metric": "mine", "expression": expression})


def test_equal_influences_give_the_number_of_items() -> None:
    assert effective_number(np.full(7, 3e-200)) == pytest.approx(7)
