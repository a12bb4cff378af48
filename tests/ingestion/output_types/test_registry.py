"""The table of output types: one home for what differs between them, and for their names."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from transformers import PreTrainedTokenizerFast

from e2lm_ingestion.engines import LogLikelihoods
from e2lm_ingestion.engines.requests import Requests
from e2lm_ingestion.metrics.builtin import MULTIPLE_CHOICE_METRICS, MetricFormula, MetricSpec
from e2lm_ingestion.metrics.expression import parse
from e2lm_ingestion.output_types.item_sets import item_set_of
from e2lm_ingestion.output_types.registry import OUTPUT_TYPES
from e2lm_ingestion.submission.submission import open_submission
from e2lm_ingestion.task.output_type_rules import RULES, OutputTypeName
from tests.ingestion.submissions import MakeSubmission, documents

PROJECT = Path(__file__).parents[3]
SOURCES = ("e2lm", "ingestion_program", "scoring_program")
RULES_FILE = "ingestion_program/e2lm_ingestion/task/output_type_rules.py"
PACKAGE = "ingestion_program/e2lm_ingestion/output_types/"


class TokenCounter:
    """Not a model: a log-likelihood of minus two nats for each context token, and minus one for each after it."""

    def loglikelihoods(self, requests: Requests) -> LogLikelihoods:
        values = -(np.diff(requests.starts) + requests.context_lengths).astype(np.float32)
        return LogLikelihoods(values, np.zeros(len(values), dtype=bool), 0)


def arrays_of(path: Path, tokenizer: PreTrainedTokenizerFast) -> dict[str, np.ndarray]:
    with open_submission(path) as submission:
        item_set = item_set_of(submission)
    answers = item_set.score(TokenCounter(), item_set.encode(tokenizer, 1000))  # type: ignore[arg-type]
    return item_set.arrays(answers)


def test_the_keys_and_the_questions_are_of_the_same_output_types() -> None:
    assert list(OUTPUT_TYPES) == list(RULES) == list(get_args(OutputTypeName))


@pytest.mark.parametrize("name", RULES)
def test_the_metric_that_stands_in_is_one_of_the_output_type(name: OutputTypeName) -> None:
    assert RULES[name].default_metric in RULES[name].metrics


def test_no_other_file_names_an_output_type() -> None:
    found = []
    for path in (path for source in SOURCES for path in sorted((PROJECT / source).rglob("*.py"))):
        file = path.relative_to(PROJECT).as_posix()
        if file != RULES_FILE and not file.startswith(PACKAGE):
            nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            found += [
                f"{file}:{node.lineno}" for node in nodes if isinstance(node, ast.Constant) and node.value in RULES
            ]
    assert found == []


def test_each_name_stands_in_the_module_of_its_output_type() -> None:
    for name in RULES:
        module = (PROJECT / PACKAGE / f"{name}.py").read_text(encoding="utf-8")
        named = [node.value for node in ast.walk(ast.parse(module)) if isinstance(node, ast.Constant)]
        assert [value for value in named if value in RULES] == [name]


def test_a_new_metric_that_reads_unconditional_likelihoods_needs_its_row_alone(
    make_submission: MakeSubmission, tokenizer: PreTrainedTokenizerFast, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = MetricSpec(MetricFormula(parse("max((ll - ll_unconditional)[gold])")))
    monkeypatch.setitem(MULTIPLE_CHOICE_METRICS, "lift", row)
    arrays = arrays_of(make_submission({"metric_list": [{"metric": "lift"}]}), tokenizer)
    context = len("Question: What is 0 plus 1?\nAnswer:")
    # after the prompt: its tokens twice, then " 1"; after nothing: the token that stands for it twice, then " 1"
    assert arrays["loglikelihoods"][1] == -(2 * context + 2)
    assert arrays["loglikelihoods_unconditional"][1] == -(2 * 1 + 2)
    assert arrays["item_scores"][0] == 2 - 2 * context


def test_a_metric_without_unconditional_likelihoods_does_not_ask_for_them(
    make_submission: MakeSubmission, tokenizer: PreTrainedTokenizerFast
) -> None:
    assert "loglikelihoods_unconditional" not in arrays_of(make_submission(), tokenizer)


def test_a_text_without_a_prompt_is_its_own_unconditional_text(
    make_submission: MakeSubmission, tokenizer: PreTrainedTokenizerFast
) -> None:
    task: dict[str, Any] = {
        "output_type": "loglikelihood_rolling",
        "doc_to_target": "question",
        "metric_list": [{"metric": "lift", "expression": "sum(ll - ll_unconditional)"}],
    }
    path = make_submission(task, without=["doc_to_choice"], test=documents())
    arrays = arrays_of(path, tokenizer)
    assert arrays["loglikelihoods_unconditional"].tolist() == arrays["loglikelihoods"].tolist()
    assert not arrays["item_scores"].any()
