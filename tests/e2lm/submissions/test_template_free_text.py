"""The text of items without the fixed text of their templates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2lm.submissions.template_free_text import blanked, free_texts
from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.submission.submission import open_submission
from tests.e2lm.command_line import EXAMPLES


def texts_of(folder: Path, **changed: Any) -> list[str]:  # noqa: ANN401 (what YAML holds)
    """The template-free texts of 100 documents in a task with these keys."""
    folder.mkdir(exist_ok=True)
    described = yaml.safe_load((EXAMPLES / "science-cloze/task.yaml").read_text()) | changed
    (folder / "task.yaml").write_text(yaml.safe_dump({key: value for key, value in described.items() if value}))
    same = {"answer": 0, "hint": "on page one"}
    documents = [{"question": f"What is {i}?", "choices": [f"b{i}", "a"], **same} for i in range(100)]
    for name in ("test.jsonl", "dev.jsonl"):
        (folder / name).write_text("".join(json.dumps(document) + "\n" for document in documents))
    with open_submission(folder) as submission:
        return [" ".join(text.split()) for text in free_texts(submission)]


ASKED = "Answer with care.\n{{question}}\nAnswer:"
HINTED = "{% if hint %}Mind this: {{hint}}. {% endif %}{{question | upper}}"
LETTERS = {"doc_to_text": "{{question}} A. {{choices[0]}} B. {{choices[1]}}", "doc_to_choice": ["A", "B"]}
SEVERAL = {"doc_to_text": "{{answer}}", "doc_to_choice": "{{[question + ' no', question + ' yes']}}"}


@pytest.mark.parametrize(
    ("changed", "first"),
    [
        ({"doc_to_text": ASKED, "description": "Science."}, "What is 0? a b0"),
        ({"doc_to_text": "question"}, "What is 0? a b0"),
        ({"doc_to_text": HINTED}, "on page one WHAT IS 0? a b0"),
        (LETTERS, "What is 0? b0 a"),
        (SEVERAL, "What is 0? What is 0? no What is 0? yes"),
    ],
)
def test_words_of_the_task_are_left_out_and_those_of_the_document_stay(
    tmp_path: Path, changed: dict[str, Any], first: str
) -> None:
    assert texts_of(tmp_path / "one", **changed)[0] == first


def test_a_text_that_is_scored_whole_loses_the_words_of_its_template_too(tmp_path: Path) -> None:
    scored = {"output_type": "loglikelihood", "doc_to_choice": None, "metric_list": [{"metric": "perplexity"}]}
    texts = texts_of(tmp_path / "one", doc_to_text="Read: ", doc_to_target="They ask: {{question}}", **scored)
    assert texts[7] == "What is 7?"


def test_a_template_that_cannot_be_read_is_the_submissions_mistake(tmp_path: Path) -> None:
    with pytest.raises(SubmissionError, match=r"task\.yaml: doc_to_text"):
        texts_of(tmp_path / "one", doc_to_text="{{question")


@pytest.mark.parametrize(
    ("template", "without"),
    [
        ("plain text", "plain text"),
        ("{%- if a -%} x {# c #}{% endif %}\n", "{%- if a -%}  {# c #}{% endif %} "),
        ("{% raw %}{{b}}{% endraw %}", "{% raw %} {% endraw %}"),
        ("{{question}}", "{{question}}"),
        ("Ask {{ 'this' }}", " {{ 'this' }}"),
    ],
)
def test_conditions_and_filters_of_templates_still_work(template: str, without: str) -> None:
    assert blanked(template) == without
