"""task.yaml: supported keys and values, and errors that name the others."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.task.sources import load_task
from e2lm_ingestion.task.task import REFUSED_KEYS, Task
from tests.ingestion.submissions import plain_task


def load(tmp_path: Path, text: str) -> Task:
    path = tmp_path / "task.yaml"
    path.write_bytes(text.encode())
    return load_task(path)


def test_defaults_are_those_of_lm_evaluation_harness(tmp_path: Path) -> None:
    task = load(tmp_path, "\ufeff" + yaml.safe_dump(plain_task()))
    assert (task.target_delimiter, task.fewshot_delimiter, task.description, task.shots) == (" ", "\n\n", "", 0)
    assert (task.metric, task.higher_is_better) == ("acc", True)


def test_the_first_metric_of_the_list_is_scored(tmp_path: Path) -> None:
    metrics = [{"metric": "acc_norm", "aggregation": "mean", "higher_is_better": True}, {"metric": "acc"}]
    assert load(tmp_path, yaml.safe_dump({**plain_task(), "metric_list": metrics})).metric == "acc_norm"


def test_higher_is_better_is_the_metrics_default_unless_given(tmp_path: Path) -> None:
    def direction(**keys: object) -> bool:
        return load(tmp_path, yaml.safe_dump({**plain_task(), "metric_list": [keys]})).higher_is_better

    assert direction(metric="acc")
    assert not direction(metric="brier_score")
    assert direction(metric="mine", expression="ll[gold]")
    assert not direction(metric="mine", expression="-ll[gold]", higher_is_better=False)


def test_one_data_file_alone_is_the_split_train(tmp_path: Path) -> None:
    task = {**plain_task(), "dataset_kwargs": {"data_files": "./all.jsonl"}, "test_split": "train"}
    assert load(tmp_path, yaml.safe_dump(task)).data_files == {"train": ("all.jsonl",)}


@pytest.mark.parametrize("key", REFUSED_KEYS)
def test_an_unsupported_key_is_named_with_a_remedy(tmp_path: Path, key: str) -> None:
    with pytest.raises(SubmissionError, match=rf"^task\.yaml: {key}: {re.escape(REFUSED_KEYS[key])}$"):
        load(tmp_path, yaml.safe_dump({**plain_task(), key: 7}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dataset_kwargs": {"data_files": "x.jsonl", "a\nb": 1}}, r"dataset_kwargs\.a\\nb: this key is not read"),
        ({"doc_to_txt": "x"}, r"`doc_to_txt` is not a key of a task; did you mean `doc_to_text`\?"),
        ({"zzz": 1}, r"`zzz` is not a key of a task; the keys are task"),
        ({"task": "../x"}, r"task: a task's name has letters"),
        ({"task": "x\n"}, r"task: a task's name has letters"),
        (
            {"dataset_path": "cais/mmlu"},
            r"dataset_path: 'cais/mmlu' is not json, csv or parquet, and nothing is fetched",
        ),
        ({"dataset_path": "csv"}, r"dataset_path: `test\.jsonl` does not fit `csv`, which reads \.csv"),
        ({"dataset_kwargs": {"data_files": {"test": "../x.jsonl"}}}, r"`\.\./x\.jsonl` must be a path inside"),
        ({"dataset_kwargs": {"data_files": {"test": "/etc/x.jsonl"}}}, r"`/etc/x\.jsonl` must be a path inside"),
        ({"dataset_kwargs": {"data_files": {"test": "~/x.jsonl"}}}, r"must be a path inside"),
        ({"dataset_kwargs": {"data_files": {"test": "C:\\x.jsonl"}}}, r"must be a path inside"),
        ({"dataset_kwargs": {"data_files": {"test": "https://x.org/x.jsonl"}}}, r"would be fetched"),
        ({"dataset_kwargs": {"data_files": {"test": "*.jsonl"}}}, r"is a pattern: name the files one by one"),
        ({"dataset_kwargs": {"data_files": {"test": []}}}, r"give a file, or a list of files"),
        ({"dataset_kwargs": {"data_files": {"test": 3}}}, r"give a file, or a list of files"),
        ({"dataset_kwargs": {"data_files": {}}}, r"name at least one split"),
        (
            {"output_type": "rolling"},
            r"output_type: write 'multiple_choice', .* \(did you mean loglikelihood_rolling\?\); it is",
        ),
        ({"output_type": "loglikelihood"}, r"doc_to_choice: loglikelihood has no choices"),
        ({"doc_to_choice": None}, r"doc_to_choice: the key is missing; multiple_choice needs it"),
        (
            {"filter_list": [{"name": "x", "filter": [{"function": "lowercase"}]}]},
            r"filter_list: only for generate_until",
        ),
        ({"test_split": "validation"}, r"test_split: data_files has no split 'validation'; it has test, dev"),
        ({"fewshot_split": "train"}, r"fewshot_split: data_files has no split 'train'"),
        ({"num_fewshot": 5}, r"num_fewshot: 5 examples need a fewshot_split"),
        ({"num_fewshot": "5"}, r"num_fewshot: write a whole number without quotes; it is '5'"),
        ({"num_fewshot": -1}, r"num_fewshot: write a number of 0 or more"),
        ({"num_fewshot": 101}, r"num_fewshot: write a number of 100 or less"),
        (
            {"fewshot_config": {"sampler": "balanced"}},
            r"fewshot_config\.sampler: write 'default' or 'first_n'",
        ),
        ({"fewshot_config": {"split": "train"}}, r"fewshot_config\.split: data_files has no split 'train'"),
        ({"fewshot_config": {"samples": "x"}}, r"fewshot_config\.samples: write a list, such as"),
        ({"fewshot_config": {"samples": [{"q": date(2020, 1, 1)}]}}, r"a sample\.q is 2020-01-01, a date: put it in"),
        ({"fewshot_config": {"samples": [{}]}, "fewshot_split": "dev"}, r"fewshot_config: samples: there is a split"),
        ({"fewshot_config": {"process_docs": "f"}}, r"fewshot_config\.process_docs: this key is not read"),
        ({"filter_docs": ["physics"]}, r"filter_docs: write a field and the values with which a row is kept"),
        ({"filter_docs": {"subject": []}}, r"filter_docs: `subject`: write a list of texts or numbers"),
        ({"filter_docs": {"day": [date(2020, 1, 1)]}}, r"filter_docs: `day`: .*dates are put in quotes"),
        ({"doc_to_choice": [True, False]}, r"doc_to_choice: .*put yes, no and numbers in quotes"),
        ({"doc_to_target": True}, r"doc_to_target: write a field's name"),
        ({"doc_to_target": [0, 1.5]}, r"doc_to_target: write a field's name"),
        ({"doc_to_target": []}, r"doc_to_target: write a field's name"),
        ({"doc_to_text": 7}, r"doc_to_text: write a text; put numbers, dates, yes and no in quotes; it is 7"),
        ({"metric_list": []}, r"metric_list: write a list with at least 1 item"),
        ({"metric_list": [{"metric": "acc_nrm"}]}, r"multiple_choice has no metric acc_nrm; did you mean acc_norm"),
        ({"metric_list": [{"metric": "Acc"}]}, r"multiple_choice has no metric Acc; did you mean acc\?"),
        ({"metric_list": [{"metric": None}]}, r"metric_list\.0\.metric: write a text; .*; it is empty$"),
        ({"task": date(2025, 1, 1)}, r"write a date or a number in quotes; it is 2025-01-01$"),
        ({"num_fewshot": True}, r"num_fewshot: write a whole number without quotes; it is true$"),
        (
            {"metric_list": [{"metric": "perplexity"}]},
            r"multiple_choice has no metric perplexity; it has acc, acc_norm",
        ),
        ({"metric_list": [{"metric": "acc", "aggregation": "median"}]}, r"aggregation of acc is mean, not median"),
        (
            {"metric_list": [{"metric": "acc", "higher_is_better": "x"}]},
            r"higher_is_better: write true or false",
        ),
        (
            {"metric_list": [{"metric": "m", "expression": "sum(x)"}]},
            r"0\.expression: column 5 of 'sum\(x\)': 'x' is not",
        ),
        (
            {"metric_list": [{"metric": "acc", "expression": "1"}]},
            r"acc is a metric already; give the expression another",
        ),
        ({"metric_list": [{"metric": "acc", "high_is_better": True}]}, r"did you mean `higher_is_better`\?"),
        ({"metric_list": ["acc"]}, r"metric_list\.0: write keys and values, such as `- \{metric: acc\}`; it is 'acc'"),
        ({"data_files": {"test": "x"}}, r"`data_files` belongs under `dataset_kwargs`: indent it"),
        ({"group": "g"}, r"group: a task with this key is how .* write `tag` in its place"),
        ({"repeats": 2}, r"repeats: only 1 is run"),
    ],
)
def test_a_wrong_value_is_refused_by_name(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(SubmissionError, match=message) as caught:
        load(tmp_path, yaml.safe_dump({**plain_task(), **change}, sort_keys=False))
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("key", ["task", "dataset_path", "dataset_kwargs", "test_split", "doc_to_text"])
def test_a_missing_key_is_named(tmp_path: Path, key: str) -> None:
    with pytest.raises(SubmissionError, match=rf"^task\.yaml: {key}: the key is missing"):
        load(tmp_path, yaml.safe_dump({k: v for k, v in plain_task().items() if k != key}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("task: a\ndoc_to_text: !function utils.f", r"line 2: `doc_to_text`: `!function` runs code.*template.*instead"),
        (
            "task: !!python/object/apply:os.system [ls]",
            r"line 1: `task`: `tag:yaml.org,2002:python/object/apply:os.system`",
        ),
        ("task: !!str x", r"is a YAML tag"),
        ("task: !!binary eA==", r"is a YAML tag"),
        ("a: &a [x]\nb: *a", r"line 2: the alias \*a is not read; write the value out"),
        ("a: &a {<<: *a}", r"alias"),
        ("a: 1\nb: 2\na: 3", r"line 3: the key `a` stands twice"),
        ("a: {<<: {b: 1}}", r"the key `<<` is not a text"),
        ("1: a", r"the key `1` is not a text"),
        ("yes: a", r"the key `yes` is not a text"),
        ("doc_to_text: {{question}}", r"line 1: put the template in quotes, as in \"\{\{question\}\}\""),
        ("doc_to_text: Question: {{q}}", r"line 1: not YAML: mapping values are not allowed here"),
        ("a: [" * 50 + "]" * 50, r"nested more than 20 deep"),
        ("[" * 50_000, r"nested more than 20 deep"),
        ("task: a\n---\ntask: b", r"line 2: not YAML: a second document begins with ---"),
        ("", r"a task is a mapping"),
        ("- task", r"a task is a mapping"),
        ("task: 0x_", r"not YAML"),
        ("task: 2020-99-99", r"not YAML: month must be in"),
        ("task: " + "9" * 5000, r"a number has too many digits"),
        ('task: "\\0"', r"half a character"),
        ('task: "\\ud800"', r"half a character"),
        ("task: 'x", r"not YAML"),
        ("x: a" * 30_000, r"120,000 characters, at most 100,000"),
        ("\x07", r"not YAML"),
    ],
)
def test_yaml_that_is_more_than_data_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SubmissionError, match=rf"^task\.yaml.*{message}") as caught:
        load(tmp_path, text)
    assert "\n" not in str(caught.value)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.dates()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.sampled_from([*sorted(plain_task()), "num_fewshot", "fewshot_config", "metadata"]), value=VALUES)
def test_any_value_of_any_key_is_read_or_refused_in_one_line(tmp_path: Path, key: str, value: object) -> None:
    text = yaml.safe_dump({**plain_task(), key: value}, allow_unicode=True)
    outcome = outcome_of(tmp_path, text)
    assert isinstance(outcome, Task) or (outcome.startswith("task.yaml") and outcome.isprintable())


def outcome_of(tmp_path: Path, text: str) -> Task | str:
    """The task, or the message that refuses it; any other exception fails the test."""
    try:
        return load(tmp_path, text)
    except SubmissionError as error:
        return str(error)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet="abc:-[]{}!&*|>'\"#%@,? \n\t0159_.<", max_size=60))
def test_any_text_is_read_or_refused_in_one_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(SubmissionError) as caught:
        load(tmp_path, text)
    assert str(caught.value).isprintable()


def generate(**keys: object) -> dict[str, object]:
    task = {**plain_task(), "output_type": "generate_until", "metric_list": [{"metric": "exact_match"}], **keys}
    del task["doc_to_choice"]
    return task


def test_a_generation_ends_with_the_delimiter_unless_the_task_says_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "task.yaml"
    path.write_text(yaml.safe_dump(generate()))
    assert load_task(path).generation.until == ("\n\n",)
    path.write_text(yaml.safe_dump(generate(generation_kwargs={"until": ".", "max_gen_toks": 5})))
    assert load_task(path).generation.until == (".",)
    assert load_task(path).generation.max_gen_toks == 5


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"generation_kwargs": {"until": []}, "fewshot_delimiter": ""}, r"generation_kwargs: write `until`"),
        ({"generation_kwargs": {"until": [""]}}, r"generation_kwargs\.until: write one text"),
        ({"generation_kwargs": {"until": ["a"] * 21}}, r"generation_kwargs\.until: write one text"),
        ({"generation_kwargs": {"max_gen_toks": 0}}, r"max_gen_toks: write a number of 1 or more"),
        ({"generation_kwargs": {"max_gen_tokens": 9}}, r"max_gen_tokens: .* did you mean `max_gen_toks`"),
        ({"generation_kwargs": {"do_sample": True}}, r"do_sample: leave it out: models write the most likely token"),
        ({"generation_kwargs": {"temperature": 0.7}}, r"temperature: write `do_sample: false` beside it"),
        ({"generation_kwargs": {"top_p": 0.7}}, r"generation_kwargs\.top_p: this key is not read"),
        ({"filter_list": [{"name": "x", "filter": [{"function": "code"}]}]}, r"'code' is not run; the functions are"),
        (
            {"filter_list": [{"name": "x", "filter": [{"function": "map", "k": 1}]}]},
            r"k: map does not read it; it reads",
        ),
        ({"filter_list": [{"name": "x", "filter": [{"function": "take_first_k", "k": 2}]}]}, r"\.k: write 1"),
        ({"metric_list": [{"metric": "m", "expression": "sum(ll)"}]}, r"an expression is over log-likelihoods"),
        ({"metric_list": [{"metric": "acc"}]}, r"generate_until has no metric acc; it has exact_match, f1"),
    ],
)
def test_a_wrong_generation_task_names_the_key(tmp_path: Path, keys: dict[str, object], message: str) -> None:
    path = tmp_path / "task.yaml"
    path.write_text(yaml.safe_dump(generate(**keys)))
    with pytest.raises(SubmissionError, match=message):
        load_task(path)
