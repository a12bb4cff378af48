"""Imported tasks of lm-evaluation-harness give the requests that the harness itself makes."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from e2lm.cli.main import main
from e2lm_ingestion.output_types.items import build_items
from e2lm_ingestion.submission.submission import open_submission
from tests.contract.parity import shapes
from tests.ingestion.submissions import json_lines

Row = dict[str, Any]
MakeRow = Callable[[Row, random.Random], Row]


def page(row: Row, chance: random.Random) -> Row:
    return {"page": f" = {row['question']} = \n 3 @,@ 000 are {row['choices'][0]} . \n"}


def hellaswag(row: Row, chance: random.Random) -> Row:
    return {**shapes._hellaswag(row, chance), "ind": 1, "activity_label": "Finding"}


TASKS: dict[str, tuple[MakeRow, tuple[str, ...], int]] = {
    "arc_easy": (shapes._arc, ("test", "train"), 2),
    "hellaswag": (hellaswag, ("validation",), 0),
    "winogrande": (shapes._winogrande, ("validation", "train"), 0),
    "gsm8k": (shapes._solution, ("test", "train"), 5),
    "sciq": (shapes._sciq, ("test",), 0),
    "wikitext": (page, ("test",), 0),
}


@pytest.fixture(scope="module", autouse=True)
def harness(lm_eval: None, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The harness, with a cache of its own."""
    os.environ["HF_DATASETS_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    os.environ["HF_HUB_OFFLINE"] = "1"


def write_data(folder: Path, name: str) -> dict[str, Path]:
    make, splits, _ = TASKS[name]
    files = {}
    for split in splits:
        files[split] = folder / f"{name}-{split}.jsonl"
        files[split].write_text(json_lines(shapes.made(make, shapes.TRAIN if split == "train" else shapes.TEST)))
    return files


def asked_there(name: str, files: dict[str, Path], shots: int) -> list[tuple[str, ...]]:
    from e2lm.submissions.lm_eval_import import _loaded, _manager

    task = _loaded(_manager(None), name, {split: [path] for split, path in files.items()})
    task.set_config("num_fewshot", shots)
    task.set_fewshot_seed(1234)
    task.build_all_requests(rank=0, world_size=1)
    return [tuple(text for text in instance.args if isinstance(text, str)) for instance in task.instances]


@dataclass(frozen=True)
class Done:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str


@pytest.fixture
def e2lm(capfd: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Run a command in this process, where the harness lists its tasks once."""

    def run(*arguments: str | Path) -> Done:
        code = main([str(argument) for argument in arguments])
        return Done(code, *capfd.readouterr())

    return run


@pytest.mark.parametrize("name", TASKS)
def test_an_imported_task_asks_what_the_harness_asks(tmp_path: Path, name: str, e2lm: Callable[..., Done]) -> None:
    files, shots = write_data(tmp_path, name), TASKS[name][2]
    data = [part for split, path in files.items() for part in ("--data", f"{split}={path}")]
    done = e2lm("import-lm-eval", name, tmp_path / "task", *data, "--num-fewshot", str(shots))
    assert done.code == 0, done.err
    assert f"{tmp_path / 'task'}: 100 items of {name}" in done.out
    assert done.out.endswith(f"next: e2lm check {tmp_path / 'task'}\n")
    with open_submission(tmp_path / "task") as submission:
        kind, items = submission.task.output_type, build_items(submission)
    expected = asked_there(name, files, shots)
    if kind == "generate_until":
        assert [item.contexts for item in items] == expected
    elif kind == "loglikelihood_rolling":
        assert [item.continuations for item in items] == expected
    else:
        assert [pair for item in items for pair in item.pairs] == expected
    assert e2lm("check", tmp_path / "task").code == 0


def test_a_group_with_a_folder_as_the_hub_has_it_is_one_submission(tmp_path: Path, e2lm: Callable[..., Done]) -> None:
    from e2lm.submissions.lm_eval_import import _manager, tasks_of

    tasks = tasks_of(_manager(None), "mmlu_stem_continuation")
    assert len(tasks) == 19
    expected = []
    for number, task in enumerate(tasks):
        subject = task.removeprefix("mmlu_").removesuffix("_continuation")
        folder = tmp_path / "cais-mmlu" / subject
        folder.mkdir(parents=True)
        rows = {"test": shapes.TEST[number : number + 8], "dev": shapes.TRAIN[number : number + 5]}
        files = {split: folder / f"{split}-00000-of-00001.parquet" for split in rows}
        for split, path in files.items():
            pd.DataFrame(rows[split]).to_parquet(path)
        expected += asked_there(task, files, 5)
    data = ["--data", str(tmp_path / "cais-mmlu")]
    done = e2lm("import-lm-eval", "mmlu_stem_continuation", tmp_path / "mmlu", *data, "--num-fewshot", "5")
    assert done.code == 0, done.err
    assert "152 items of mmlu_stem_continuation" in done.out
    with open_submission(tmp_path / "mmlu") as submission:
        assert [pair for item in build_items(submission) for pair in item.pairs] == expected
    assert e2lm("check", tmp_path / "mmlu").code == 0


def test_functions_that_cannot_be_imported_are_reported(tmp_path: Path, e2lm: Callable[..., Done]) -> None:
    files = write_data(tmp_path, "wikitext")
    done = e2lm("import-lm-eval", "wikitext", tmp_path / "task", "--data", f"test={files['test']}")
    assert "not imported: process_results: a function" in done.out
    task = yaml.safe_load((tmp_path / "task/task.yaml").read_text())
    assert [metric["metric"] for metric in task["metric_list"]] == [
        "word_perplexity",
        "byte_perplexity",
        "bits_per_byte",
    ]


def test_a_different_draw_of_examples_is_reported(tmp_path: Path, e2lm: Callable[..., Done]) -> None:
    data = [
        part for split, path in write_data(tmp_path, "winogrande").items() for part in ("--data", f"{split}={path}")
    ]
    command = ["import-lm-eval", "winogrande", tmp_path / "task", *data, "--num-fewshot", "3"]
    assert "not imported: which examples are drawn" in e2lm(*command).out
    again = e2lm(*command)  # into a folder that may have been edited since
    assert (again.code, again.err) == (2, f"error: {tmp_path / 'task'}: exists already; give a new folder\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["arc_easyy", "--data", "test={file}"], "has no task or group of this name"),
        (["mmlu_abstract", "--data", "test={file}"], "no task or group of this name; similar names are mmlu_"),
        (["arc_easy", "--data", "{file}"], "a single file is given as SPLIT=FILE"),
        (["arc_easy", "--data", "test={file}.txt"], "write SPLIT=FILE"),
        (["mmlu_stem_continuation", "--data", "{empty}"], "files; download the data set into it"),
        (["arc_easy", "--data", "test=nothing.jsonl"], "there is no such file"),
        (["arc_easy", "--data", "train={file}"], "needs a split or a field 'test' that the data lacks"),
        (["arc_easy", "--data", "test={file}", "--num-fewshot", "3"], "3 few-shot examples need a split to come from"),
        (["tinyArc", "--data", "test={file}"], "needs a package that is not installed: `tinyBenchmarks` is required"),
    ],
)
def test_missing_data_is_one_line(
    tmp_path: Path, arguments: list[str], message: str, e2lm: Callable[..., Done]
) -> None:
    file = write_data(tmp_path, "arc_easy")["test"]
    empty = tmp_path / "empty"
    empty.mkdir()
    name, *rest = [argument.format(file=file, empty=empty) for argument in arguments]
    done = e2lm("import-lm-eval", name, tmp_path / "task", *rest)
    assert (done.code, done.out) == (2, "")
    assert message in done.err.splitlines()[-1]
    assert not (tmp_path / "task").exists()


def test_a_task_that_makes_no_submission_says_why(tmp_path: Path, e2lm: Callable[..., Done]) -> None:
    (tmp_path / "test.jsonl").write_text(
        json_lines([{"question": f"who is {n}?", "answers": ["Ann"]} for n in range(100)])
    )
    done = e2lm("import-lm-eval", "webqs", tmp_path / "task", "--data", f"test={tmp_path / 'test.jsonl'}")
    assert done.code == 2
    assert "webqs makes no submission as it is: test.jsonl, line 1: 1 choice; an item has 2 to 100" in done.err
    assert "take output_type loglikelihood or generate_until" in done.err


@pytest.mark.parametrize(
    ("name", "rows", "metric", "lost"),
    [
        (
            "toxigen",  # its target is a number of numpy
            [{"text": f"statement {n}", "toxicity_ai": 1.0 + n % 4, "toxicity_human": 2.0} for n in range(100)],
            "acc",
            (),
        ),
        (
            "crows_pairs_english",  # its pct_stereotype is the acc of the first choice
            [{"sent_more": f"The {n} old men", "sent_less": f"The {n} men", "bias_type": "age"} for n in range(100)],
            "acc",
            ("not imported: metric_list: likelihood_diff: this program has none called so; choose one with --metric",),
        ),
        (
            "truthfulqa_mc2",  # its acc is a probability
            [
                {"question": f"who is {n}?", "mc2_targets": {"choices": ["a", "b"], "labels": [1, 0]}}
                for n in range(100)
            ],
            "norm_correct_prob",
            (),
        ),
    ],
)
def test_a_metric_is_carried_over_by_its_values(
    name: str, rows: list[Row], metric: str, lost: tuple[str, ...], tmp_path: Path, e2lm: Callable[..., Done]
) -> None:
    split = "validation" if name.startswith("truthful") else "test"
    (tmp_path / "data.jsonl").write_text(json_lines(rows))
    done = e2lm("import-lm-eval", name, tmp_path / "task", "--data", f"{split}={tmp_path / 'data.jsonl'}")
    assert done.code == 0, done.err
    assert yaml.safe_load((tmp_path / "task/task.yaml").read_text())["metric_list"][0]["metric"] == metric
    said = [line for line in done.out.splitlines() if line.startswith("not imported")]
    assert len(said) == len(lost), said
    assert all(line.startswith(start) for line, start in zip(said, lost, strict=True))
