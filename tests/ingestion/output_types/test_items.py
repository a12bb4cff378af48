"""Items against strings joined by hand as lm-evaluation-harness joins them, and every refusal of an item."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.output_types.items import build_items
from e2lm_ingestion.output_types.protocol import Item
from e2lm_ingestion.submission.submission import open_submission
from tests.ingestion.submissions import MakeSubmission, document, documents, json_lines, plain_task

SHOTS = {"fewshot_split": "dev", "num_fewshot": 2, "fewshot_config": {"sampler": "first_n"}}


def items_of(path: Path) -> list[Item]:
    with open_submission(path) as submission:
        return build_items(submission)


def test_a_cloze_item_without_examples(make_submission: MakeSubmission) -> None:
    items = items_of(make_submission())
    assert len(items) == 100
    assert items[3] == Item(
        contexts=("Question: What is 3 plus 1?\nAnswer:",),
        continuations=(" 3", " 4", " 5"),
        choices=("3", "4", "5"),
        gold=(1,),
    )


def test_description_and_examples_come_before_the_question(make_submission: MakeSubmission) -> None:
    items = items_of(make_submission({**SHOTS, "description": "Sums.\n\n"}))
    assert items[0].contexts[0] == (
        "Sums.\n\n"
        "Question: What is 1000 plus 1?\nAnswer: 1001\n\n"
        "Question: What is 1001 plus 1?\nAnswer: 1002\n\n"
        "Question: What is 0 plus 1?\nAnswer:"
    )


def test_letters_with_delimiters_of_their_own(make_submission: MakeSubmission) -> None:
    task = {
        **SHOTS,
        "num_fewshot": 1,
        "description": "{{choices | length}} choices: ",
        "doc_to_text": "{{question.strip()}}\nA. {{choices[0]}}\nB. {{choices[1]}}\nC. {{choices[2]}}\nAnswer",
        "doc_to_choice": ["A", "B", "C"],
        "target_delimiter": ": ",
        "fewshot_delimiter": "\n---\n",
        "metric_list": [{"metric": "acc_norm", "aggregation": "mean", "higher_is_better": True}, {"metric": "acc"}],
    }
    assert items_of(make_submission(task))[0] == Item(
        contexts=(
            "3 choices: What is 1000 plus 1?\nA. 1000\nB. 1001\nC. 1002\nAnswer: B\n---\n"
            "What is 0 plus 1?\nA. 0\nB. 1\nC. 2\nAnswer",
        ),
        continuations=(": A", ": B", ": C"),
        choices=("A", "B", "C"),
        gold=(1,),
    )


def test_examples_from_the_items_own_split_never_include_the_item_itself(make_submission: MakeSubmission) -> None:
    items = items_of(make_submission({**SHOTS, "fewshot_split": "test"}))
    assert items[0].contexts[0].startswith("Question: What is 1 plus 1?\nAnswer: 2\n\nQuestion: What is 2 plus 1?")
    assert items[1].contexts[0].startswith("Question: What is 0 plus 1?\nAnswer: 1\n\nQuestion: What is 2 plus 1?")
    assert items[9].contexts[0].startswith("Question: What is 0 plus 1?\nAnswer: 1\n\nQuestion: What is 1 plus 1?")


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        ("answer", 1),
        ("answer", "right"),
        ("answer", "B"),
        ("answer", "b"),
        ("{{answer}}", 1),
        ("{{answer}}", "right"),
        ("{{['w', 'r'].index(answer)}}", "r"),
        (1, "unread"),
        ("1", "unread"),
    ],
)
def test_a_number_a_letter_and_a_text_name_the_same_choice(
    make_submission: MakeSubmission, source: str | int, answer: str | int
) -> None:
    test = [{"question": "?", "choices": ["wrong", "right"], "answer": answer}] * 100
    assert {item.gold for item in items_of(make_submission({"doc_to_target": source}, test=test))} == {(1,)}


def test_a_choice_that_is_a_letter_is_a_text_first(make_submission: MakeSubmission) -> None:
    test = [{"question": "?", "choices": ["B", "A"], "answer": "B"}] * 100
    assert items_of(make_submission(test=test))[0].gold == (0,)


def test_csv_numbers_are_numbers_and_quoted_cells_keep_their_commas(make_submission: MakeSubmission) -> None:
    text = "\ufeffquestion,a,b,answer\r\n" + '"one, or\n""two""?",x,7b,1\r\n' * 100
    task = {
        "dataset_path": "csv",
        "dataset_kwargs": {"data_files": {"test": "test.csv"}},
        "doc_to_text": "question",
        "doc_to_choice": "{{[a, b]}}",
    }
    assert items_of(make_submission(task, files={"test.csv": text}))[99] == Item(
        ('one, or\n"two"?',), (" x", " 7b"), ("x", "7b"), (1,)
    )


def test_parquet_and_a_json_list_and_several_files_read_the_same(
    make_submission: MakeSubmission, tmp_path: Path
) -> None:
    pq.write_table(pa.Table.from_pylist(documents()), tmp_path / "t.parquet")
    folder = make_submission(
        {"dataset_kwargs": {"data_files": {"test": "test.jsonl"}}},
        files={
            "t.parquet": (tmp_path / "t.parquet").read_bytes(),
            "t.json": json.dumps(documents()),
            "a.jsonl": json_lines(documents()[:40]),
            "b.jsonl": "\ufeff" + json_lines(documents()[40:]),
        },
    )
    expected = items_of(folder)
    plain = (folder / "task.yaml").read_text()
    for kind, files in (("parquet", "t.parquet"), ("json", "t.json"), ("json", "[a.jsonl, b.jsonl]")):
        text = plain.replace("dataset_path: json", f"dataset_path: {kind}").replace(
            "test: test.jsonl", f"test: {files}"
        )
        (folder / "task.yaml").write_text(text)
        assert items_of(folder) == expected


def test_a_template_can_test_for_a_field_that_some_documents_lack(make_submission: MakeSubmission) -> None:
    test = [document(0) | {"hint": "count"}, *documents()[1:]]
    items = items_of(make_submission({"doc_to_text": "{% if hint %}({{hint}}) {% endif %}{{question}}"}, test=test))
    assert [item.contexts[0] for item in items[:2]] == ["(count) What is 0 plus 1?", "What is 1 plus 1?"]


def test_a_field_of_digits_is_a_text(make_submission: MakeSubmission) -> None:
    test = [{"question": "12", "choices": ["a", "b"], "answer": 0}] * 100
    assert items_of(make_submission({"doc_to_text": "question"}, test=test))[0].contexts[0] == "12"


def test_templates_have_the_filters_of_lm_evaluation_harness(make_submission: MakeSubmission) -> None:
    task = {"doc_to_text": "{{question | regex_replace('[0-9]+', 'N') | upper}}\n"}
    assert items_of(make_submission(task))[0].contexts[0] == "WHAT IS N PLUS N?\n"


def changed(line: int, **fields: Any) -> list[dict[str, Any]]:  # noqa: ANN401 (any JSON value)
    test = documents()
    test[line - 1] = {**test[line - 1], **fields}
    return test


@pytest.mark.parametrize(
    ("test", "message"),
    [
        (
            changed(17, answer=3),
            r"test\.jsonl, line 17: `answer` is 3 but there are 3 choices \(0 to 2\): number answers",
        ),
        (changed(17, answer=-1), r"test\.jsonl, line 17: `answer` is -1 but there are 3 choices"),
        (
            changed(17, answer="1"),
            r"line 17: `answer` is '1', which is none of the 3 choices: .*without quotes",
        ),
        (changed(17, answer="D"), r"line 17: `answer` is 3 but there are 3 choices"),
        (changed(17, answer=1.0), r"line 17: `answer` is 1\.0, a whole number with a decimal point"),
        (changed(17, answer=None), r"line 17: `answer` is missing"),
        (changed(17, answer=[]), r"line 17: doc_to_target is a list without a right choice"),
        (changed(17, answer=[1, 3]), r"line 17: `answer` is 3 but there are 3 choices"),
        (changed(17, choices=["one"]), r"line 17: 1 choice; an item has 2 to 100"),
        (changed(17, choices=[]), r"line 17: 0 choices"),
        (changed(17, choices=["a", " "]), r"line 17: choice 1 \(counted from 0\) is empty"),
        (changed(17, choices=["a", 2]), r"line 17: doc_to_choice: every choice must be a text; 2 is not"),
        (changed(17, choices="ab"), r"line 17: doc_to_choice: must render as a list"),
        (changed(17, question=None), r"line 17: doc_to_text: .*null or missing"),
        (documents(99), r"test\.jsonl: 99 items; a submission has 100 to 15,000"),
        ([], r"test\.jsonl: 0 items"),
        (documents(15_001), r"test\.jsonl, line 15001: more than 15,000 items"),
    ],
)
def test_a_wrong_item_is_named(make_submission: MakeSubmission, test: list[Any], message: str) -> None:
    with pytest.raises(SubmissionError, match=message):
        items_of(make_submission(test=test))


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"doc_to_text": "{{qestion}}"}, r"'qestion' is undefined; the fields are question, choices, answer"),
        ({"doc_to_choice": ["only"]}, r"1 choice; an item has 2"),
        ({**SHOTS, "num_fewshot": 7}, r"dev\.jsonl: num_fewshot is 7, but its split has 6 documents"),
        ({**SHOTS, "fewshot_split": "test", "num_fewshot": 100}, r"num_fewshot is 100, but its split has 100"),
        ({"description": "x" * 50_000, "doc_to_text": "{{'y' * 60000}}"}, r"a prompt of 110,000 characters"),
    ],
)
def test_a_task_that_does_not_fit_its_documents_is_refused(
    make_submission: MakeSubmission, task: dict[str, Any], message: str
) -> None:
    with pytest.raises(SubmissionError, match=message):
        items_of(make_submission(task))


@pytest.mark.parametrize(
    ("limit", "most", "reason"),
    [
        ("MAX_TOTAL", 2_000, "characters of prompts, with the items before; at most 2,000"),
        ("MAX_READ", 5_000, "characters to read, each choice with its prompt, with the items before; at most 5,000"),
        ("MAX_ALL_CHOICES", 299, "300 choices, with the items before; at most 299"),
    ],
)
def test_all_items_together_have_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, most: int, reason: str
) -> None:
    (tmp_path / "task.yaml").write_text(yaml.safe_dump(plain_task()))
    (tmp_path / "test.jsonl").write_text(json_lines(documents()))
    (tmp_path / "dev.jsonl").write_text(json_lines(documents(2)))
    with open_submission(tmp_path) as submission:
        assert len(build_items(submission)) == 100
        monkeypatch.setattr(f"e2lm_ingestion.output_types.items.{limit}", most)
        with pytest.raises(SubmissionError, match=reason):
            build_items(submission)
